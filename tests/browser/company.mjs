// A company with customers, so that pages have something to show: one connection for each identity
// provider that the console offers, people, teams, refusals, and every state a connection can be in.
import { Provider, USER } from './provider.mjs';

export const CUSTOMERS = [
  { key: 'halden', name: 'Halden Logistics', domain: 'halden.example', idp: 'okta', purpose: 'Okta production', client: 'Okta SCIM Client 1.0.0' },
  { key: 'brightwater', name: 'Brightwater Health', domain: 'brightwater.example', idp: 'entra', purpose: 'Entra ID', client: 'Azure AD Provisioning' },
  { key: 'kestrel', name: 'Kestrel Insurance', domain: 'kestrel.example', idp: 'onelogin', purpose: 'OneLogin', client: 'OneLogin SCIM Client' },
];

const PEOPLE = {
  halden: ['Lena Ortiz', 'Jonas Weber', 'Priya Raman', 'Tomasz Zielinski', 'Amara Okafor', 'Sofie Lindqvist', 'Marco Bianchi', 'Hana Sato'],
  brightwater: ['Grace Whitfield', 'Daniel Okoye', 'Ines Carvalho', 'Noah Feldman', 'Yusuf Demir'],
  kestrel: ['Clara Dubois', 'Ravi Menon', 'Elsa Nyman'],
};
const TEAMS = { halden: ['Dispatch', 'Fleet Operations', 'Customs'], brightwater: ['Clinical Systems', 'Billing'], kestrel: ['Claims'] };

const address = (name, domain) => `${name.toLowerCase().replace(' ', '.')}@${domain}`;

// Fills the server. `then` is called between events, so that a clock may go on; its number is how many
// minutes before now the next event is, where that matters.
export async function fill({ server, secrets, then = async () => {} }) {
  const providers = {};
  for (const customer of CUSTOMERS) {
    const { key, name, domain, idp, purpose, client } = customer;
    const tenant = ['--tenant', key];
    await server.run('tenant', 'create', key, '--name', name);
    await server.run('connection', 'create', ...tenant, '--name', idp, '--idp', idp, '--domain', domain);
    const token = await server.run('token', 'create', ...tenant, '--connection', idp, '--scope', 'scim', '--purpose', purpose, '--expires', idp === 'onelogin' ? '6d' : '365d');
    providers[key] = new Provider(server.origin, secrets.keep(`the token of ${name}`, token), client);
  }
  const operator = await server.run('token', 'create', '--operator', '--purpose', 'Deploy pipeline');
  secrets.keep('the operator’s token', operator);
  const app = await server.run('token', 'create', '--tenant', 'halden', '--scope', 'events:read', '--scope', 'directory:read', '--purpose', 'Billing service', '--expires', '71d');
  secrets.keep('the app’s token', app);

  await then(providers);
  const ids = {};
  for (const { key, domain } of CUSTOMERS) {
    const provider = providers[key];
    await provider.test();
    ids[key] = [];
    for (const [number, name] of PEOPLE[key].entries()) {
      const [given, family] = name.split(' ');
      const answer = await provider.assign(address(name, domain), given, family, { externalId: `${key}-${1000 + number}`, title: ['Engineer', 'Planner', 'Analyst'][number % 3] });
      ids[key].push(answer.body.id);
      await then(providers);
    }
    for (const [number, team] of TEAMS[key].entries()) {
      await provider.push(team, ids[key].filter((_, at) => at % TEAMS[key].length === number));
      await then(providers);
    }
  }
  const { halden, brightwater, kestrel } = providers;
  // Somebody leaves, and comes back under another externalId: refused until a person decides.
  await halden.unassign(ids.halden[7]);
  await then(providers);
  await halden.assign(address('Hana Sato', 'halden.example'), 'Hana', 'Sato', { externalId: 'halden-2001' });
  // A name that is taken, a filter for no attribute, a message without what it must have.
  await brightwater.send('POST', '/Users', { schemas: [USER], userName: address('Daniel Okoye', 'brightwater.example') });
  await then(providers);
  await brightwater.send('GET', '/Users?filter=shoeSize%20eq%20%2244%22');
  await brightwater.unassign(ids.brightwater[4]);
  await then(providers);
  await kestrel.send('POST', '/Users', { schemas: [USER], displayName: 'Nobody' });
  await kestrel.send('DELETE', `/Users/${ids.kestrel[2]}`);
  await then(providers, 15);
  // A contractor, whose domain the connection does not have.
  await halden.assign('mara.voss@contractor.example', 'Mara', 'Voss', { externalId: 'halden-1042' });
  await then(providers, 4);
  await halden.patch(`/Users/${ids.halden[0]}`, { op: 'replace', value: { title: 'Head of Dispatch' } });
  await kestrel.assign(address('Noor Haddad', 'kestrel.example'), 'Noor', 'Haddad', { externalId: 'kestrel-1003' });
  return { providers, ids };
}

// One of the requests that providers make all day; the numbers go through customers and people, but
// for the first of each, whose history stays short.
export function everyday(providers, number) {
  const { key, domain } = CUSTOMERS[number % CUSTOMERS.length];
  const [, ...people] = PEOPLE[key];
  return providers[key].lookUp(address(people[number % people.length], domain));
}

// A tenant with a connection for every identity provider of the console's choice, named after it.
export async function connectEveryProvider({ server, page, secrets }) {
  await server.run('tenant', 'create', 'providers', '--name', 'Every Provider');
  await page.goto('/connections/new');
  const idps = await page.getByLabel('Identity provider').locator('option').evaluateAll((options) => options.map((option) => option.value));
  for (const idp of idps) {
    await server.run('connection', 'create', '--tenant', 'providers', '--name', `to-${idp}`, '--idp', idp);
    const token = await server.run('token', 'create', '--tenant', 'providers', '--connection', `to-${idp}`, '--scope', 'scim', '--purpose', `to ${idp}`);
    secrets.keep(`the token for ${idp}`, token);
    // A first call; of one provider also what goes wrong most often: the base URL with /Users behind it.
    const provider = new Provider(server.origin, token, idp);
    await provider.test();
    if (idp === idps[0]) await provider.send('POST', '/Users/Users', { userName: 'x' });
  }
  await server.run('connection', 'pause', '--tenant', 'providers', '--name', `to-${idps[0]}`);
  await page.goto('/tenants/providers');
  const links = await page.locator('main a[href^="/connections/providers/"]').evaluateAll((links) => links.map((link) => ({ name: link.textContent.trim(), path: link.getAttribute('href') })));
  return idps.map((idp) => ({ idp, path: links.find(({ name }) => name === `to-${idp}`).path }));
}
