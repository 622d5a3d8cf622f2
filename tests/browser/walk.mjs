// The walk: from one page along every link, as a browser without scripts would go.
import { gzipSync } from 'node:zlib';
import { demand } from './report.mjs';

// More than this is a page that links to ever new ones.
const MOST = 5_000;
const AT_ONCE = 4;
// Filters multiply: so many links to one path with the same names in their query are followed.
const OF_A_FILTER = 4;

const unescape = (text) => text.replaceAll('&amp;', '&').replaceAll('&quot;', '"').replaceAll('&#34;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&#38;', '&').replaceAll('&#60;', '<').replaceAll('&#62;', '>').replaceAll('&#x27;', "'");

// A page as it was answered.
export class Answer {
  constructor({ path, from, status, type, bytes }) {
    Object.assign(this, { path, from, status, type: type ?? '', bytes, text: bytes.toString('utf8') });
  }

  get isPage() {
    return this.type.startsWith('text/html');
  }

  attributes(pattern) {
    return [...this.text.matchAll(pattern)].map((match) => unescape(match[1]));
  }

  links() {
    return this.attributes(/<a\s[^>]*?href="([^"]*)"/g);
  }

  scripts() {
    return this.attributes(/<script\s[^>]*?src="([^"]*)"/g);
  }

  styles() {
    return this.attributes(/<link\s[^>]*?rel="stylesheet"[^>]*?href="([^"]*)"/g);
  }

  title() {
    return this.attributes(/<title>([^<]*)<\/title>/g)[0] ?? '';
  }

  // Which parts it is made of, as their tags and classes say.
  parts() {
    return new Set(this.attributes(/<(\w+(?:\s[^>]*?)?class="[^"]*")/g).map((tag) => tag.replace(/\s[^]*class=/, ' ')));
  }
}

// Every answer that links lead to from `start`, the first included, with the cookies of a profile.
export async function walk(profile, origin, start) {
  const cookie = (await profile.cookies(origin)).map(({ name, value }) => `${name}=${value}`).join('; ');
  const answers = new Map();
  const known = new Set([start]);
  const filters = new Map();
  const isOneMore = (path) => {
    const [plain, query] = path.split('?');
    if (!query) return false;
    const filter = `${plain}?${[...new Set(new URLSearchParams(query).keys())].sort()}`;
    filters.set(filter, (filters.get(filter) ?? 0) + 1);
    return filters.get(filter) > OF_A_FILTER;
  };
  let waiting = [{ path: start, from: 'the start' }];
  while (waiting.length > 0) {
    const some = waiting.slice(0, AT_ONCE);
    waiting = waiting.slice(AT_ONCE);
    for (const answer of await Promise.all(some.map((link) => follow(link, origin, cookie)))) {
      answers.set(answer.path, answer);
      for (const path of answer.leadsTo) {
        if (known.has(path)) continue;
        known.add(path);
        if (!isOneMore(path)) waiting.push({ path, from: answer.path });
      }
    }
    demand(known.size < MOST, `more than ${MOST} pages; is there one that links to ever new ones, as ${waiting.at(-1)?.path}?`);
  }
  return [...answers.values()];
}

async function follow({ path, from }, origin, cookie) {
  const response = await fetch(origin + path, { headers: { cookie }, redirect: 'manual' });
  const { status, headers } = response;
  const answer = new Answer({ path, from, status, type: headers.get('content-type'), bytes: Buffer.from(await response.arrayBuffer()) });
  const moved = headers.get('location');
  const links = (moved ? [moved] : answer.isPage ? answer.links() : []).map((link) => new URL(link, origin + path));
  answer.leads = links.filter((url) => url.origin !== origin).map((url) => url.href);
  answer.leadsTo = links.filter((url) => url.origin === origin).map((url) => url.pathname + url.search);
  return answer;
}

// Notes the tenants that have a page among these.
export function learnTenants(tenants, answers) {
  for (const { path } of answers) {
    const key = /^\/tenants\/([^/?]+)$/.exec(path)?.[1];
    if (key) tenants.add(decodeURIComponent(key));
  }
}

// The kind of a page: its path without what names one user, team, request, token or place in a list.
export function kind(path, tenants) {
  const url = new URL(path, 'http://x');
  const parts = url.pathname.split('/').map((part) => {
    const text = decodeURIComponent(part);
    if (tenants.has(text)) return '{tenant}';
    return /\d/.test(text) ? '{id}' : text;
  });
  const names = [...new Set(url.searchParams.keys())].sort();
  return parts.join('/') + (names.length > 0 ? `?${names.join('&')}` : '');
}

export const packed = (bytes) => gzipSync(bytes).length;
