// The browser: Debian's Chromium, and what is watched in every page of it.
import { createRequire } from 'node:module';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

// Where scripts/test has installed package.json.
export const installed = createRequire(join(process.env.BROWSER_TOOLS, 'package.json'));
const { chromium } = installed('playwright-core');

const SIZE = { width: 1280, height: 800 };

export class Browser {
  // Requests that went elsewhere, and what pages complained of.
  strayed = [];
  complaints = [];

  constructor(origin, failures) {
    this.origin = origin;
    this.failures = failures;
  }

  async start() {
    this.chromium = await chromium.launch({
      executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
      // Root has no sandbox to give; shared memory is small in containers.
      args: [...(process.getuid() === 0 ? ['--no-sandbox'] : []), '--disable-dev-shm-usage', '--disable-gpu', '--disable-lcd-text'],
    });
    return this;
  }

  // A browser profile of its own: nobody is signed in there.
  async profile(options = {}) {
    const context = await this.chromium.newContext({ baseURL: this.origin, viewport: SIZE, reducedMotion: 'reduce', locale: 'en-GB', timezoneId: 'UTC', ...options });
    context.setDefaultTimeout(15_000);
    context.on('request', (request) => {
      if (!request.url().startsWith(`${this.origin}/`)) this.strayed.push(`${request.url()} (from ${request.frame().url()})`);
    });
    context.on('console', (message) => {
      // An answer of 4xx to a page is told there too, and asked for.
      if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) this.complaints.push(`${message.page()?.url()}: ${message.text()}`);
    });
    context.on('weberror', (error) => this.complaints.push(`${error.page()?.url()}: ${error.error()}`));
    return context;
  }

  // Keeps what a page looks like, for whoever reads the failure.
  async keep(page, name) {
    mkdirSync(this.failures, { recursive: true });
    const file = join(this.failures, `${name.replace(/[^a-z0-9]+/gi, '-').replace(/^-|-$/g, '').slice(0, 100)}.png`);
    await page.screenshot({ path: file, fullPage: true });
    return file;
  }

  async stop() {
    await this.chromium.close();
  }
}
