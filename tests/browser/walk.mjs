// The walk: from one page along every link, as a browser without scripts would go.
import { gzipSync } from 'node:zlib';
import { demand } from './report.mjs';

// More than this is a page that links to ever new ones.
const MOST = 5_000;

const unescape = (text) => text.replaceAll('&amp;', '&').replaceAll('&quot;', '"').replaceAll('&#34;', '"').replaceAll('&#39;', "'").replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&#38;', '&').replaceAll('&#60;', '<').replaceAll('&#62;', '>').replaceAll('&#x27;', "'");

// A page as it was answered.
export class Answer {
  constructor(path, from, response, bytes) {
    this.path = path;
    this.from = from;
    this.status = response.status();
    this.type = response.headers()['content-type'] ?? '';
    this.bytes = bytes;
    this.text = bytes.toString('utf8');
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

// Every answer that links lead to from `start`, the first included; `request` has the cookies.
export async function walk(request, origin, start) {
  const answers = new Map();
  const waiting = [{ path: start, from: 'the start' }];
  while (waiting.length > 0) {
    const { path, from } = waiting.shift();
    if (answers.has(path)) continue;
    demand(answers.size < MOST, `more than ${MOST} pages; ${from} led to ${path}`);
    const response = await request.get(path, { maxRedirects: 0 });
    const answer = new Answer(path, from, response, await response.body());
    answers.set(path, answer);
    const location = response.headers().location;
    const links = location ? [location] : answer.isPage ? answer.links() : [];
    for (const link of links) {
      const url = new URL(link, origin + path);
      if (url.origin !== origin) {
        answer.leads = [...(answer.leads ?? []), url.href];
        continue;
      }
      const next = url.pathname + url.search;
      if (!answers.has(next)) waiting.push({ path: next, from: path });
    }
  }
  return [...answers.values()];
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
