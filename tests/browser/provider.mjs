// What identity providers send: whole transcripts, and single requests in their manner.
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

// Plays a transcript of tests/data/transcripts; `first` limits it to its first steps.
export async function replay(origin, token, name, first) {
  const file = join(ROOT, 'tests/data/transcripts', `${name}.json`);
  const only = first ? ['--first', String(first)] : [];
  await promisify(execFile)(join(ROOT, 'scripts/replay.py'), [...only, `${origin}/scim/v2`, token, file]);
}

export const USER = 'urn:ietf:params:scim:schemas:core:2.0:User';
const GROUP = 'urn:ietf:params:scim:schemas:core:2.0:Group';
const PATCH = 'urn:ietf:params:scim:api:messages:2.0:PatchOp';

export class Provider {
  constructor(origin, token, client = 'Okta SCIM Client 1.0.0') {
    this.origin = origin;
    this.token = token;
    this.client = client;
  }

  async send(method, target, body) {
    const answer = await fetch(`${this.origin}/scim/v2${target}`, {
      method,
      headers: {
        accept: 'application/scim+json',
        'user-agent': this.client,
        authorization: `Bearer ${this.token}`,
        ...(body && { 'content-type': 'application/scim+json; charset=utf-8' }),
      },
      body: body && JSON.stringify(body),
    });
    const text = await answer.text();
    return { status: answer.status, body: text ? JSON.parse(text) : undefined };
  }

  test() {
    return this.send('GET', '/Users?startIndex=1&count=2');
  }

  lookUp(userName) {
    return this.send('GET', `/Users?filter=userName%20eq%20%22${encodeURIComponent(userName)}%22&startIndex=1&count=100`);
  }

  // As Okta does it: a look first, then the user.
  async assign(userName, givenName, familyName, more = {}) {
    await this.lookUp(userName);
    return this.send('POST', '/Users', {
      schemas: [USER],
      userName,
      name: { givenName, familyName },
      displayName: `${givenName} ${familyName}`,
      emails: [{ primary: true, value: userName, type: 'work' }],
      locale: 'en-US',
      active: true,
      ...more,
    });
  }

  push(displayName, members) {
    return this.send('POST', '/Groups', { schemas: [GROUP], displayName, members: members.map((value) => ({ value })) });
  }

  patch(target, ...operations) {
    return this.send('PATCH', target, { schemas: [PATCH], Operations: operations });
  }

  unassign(id) {
    return this.patch(`/Users/${id}`, { op: 'replace', value: { active: false } });
  }
}
