// Pictures for README and docs: a day at a company, whose clock the run sets, so that times are the same each time.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Browser } from './browser.mjs';
import { everyday, fill } from './company.mjs';
import { shrink } from './png.mjs';
import { enter, makeSetupLink } from './portal.mjs';
import { demand } from './report.mjs';
import { Secrets } from './secrets.mjs';
import { Server } from './server.mjs';

const MINUTE = 60_000;
const HALF_HOUR = 30 * MINUTE;
// When the pictures are taken; the day before is what they show.
const NOW = Date.UTC(2026, 10, 25, 15, 20);
const HEAVIEST = 100 * 1024;
const SIZE = { width: 1440, height: 900 };
const OWNER = 'dana@northbay.example';
const PUBLIC_URL = 'https://scim.northbay.example';

// A clock that stands still until it is set.
class Clock {
  #folder = mkdtempSync(join(tmpdir(), 'provisor-clock-'));
  #file = join(this.#folder, 'now');
  environment = { LD_PRELOAD: join(this.#folder, 'clock.so'), CLOCK_FILE: this.#file };

  constructor() {
    execFileSync('cc', ['-shared', '-fPIC', '-o', this.environment.LD_PRELOAD, fileURLToPath(new URL('clock.c', import.meta.url))]);
  }

  set(at) {
    this.now = at;
    // Renamed into its place, so that nobody reads half of it.
    writeFileSync(`${this.#file}.new`, (at / 1000).toFixed(3));
    renameSync(`${this.#file}.new`, this.#file);
  }

  remove() {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

// Lets a part of what is left of the day pass, or all but some minutes. At each half hour providers ask
// as they do: more in the daytime.
async function goOn(clock, providers, left) {
  const until = Math.round(left ? NOW - left * MINUTE : clock.now + (NOW - clock.now) * 0.1);
  for (let at = Math.ceil((clock.now + 1) / HALF_HOUR) * HALF_HOUR; at <= until; at += HALF_HOUR) {
    clock.set(at);
    const daytime = Math.max(0, Math.sin(((new Date(at).getUTCHours() - 6) / 13) * Math.PI));
    for (let number = 0; number < 2 + 9 * daytime; number += 1) await everyday(providers, number);
  }
  clock.set(until);
}

// Takes them into a folder.
export async function takePictures({ report, binary, folder, failures }) {
  const clock = new Clock();
  clock.set(NOW - 24 * 60 * MINUTE);
  const server = await new Server(binary, { ...clock.environment, USER: 'dana' }).start();
  let browser;
  mkdirSync(folder, { recursive: true });
  try {
    const secrets = new Secrets();
    const { ids } = await fill({ server, secrets, then: (providers, left) => goOn(clock, providers, left) });
    clock.set(NOW);
    // When tokens were used is written down now and then, and at the end.
    await server.stop();
    await server.start();
    browser = await new Browser(server.origin, failures).start();
    const page = await (await browser.profile({ viewport: SIZE })).newPage();
    await enterAs(page, await server.run('person', 'add', OWNER, '--role', 'owner', '--public-url', server.origin));
    const take = (name, shown = page, theme = 'light') => report.check(`picture: ${name}`, async () => {
      await shown.emulateMedia({ colorScheme: theme });
      await shown.evaluate(nameTheServer, { origin: server.origin, name: PUBLIC_URL });
      const picture = shrink(await shown.screenshot());
      demand(picture.length <= HEAVIEST, `${picture.length} bytes are too many`);
      writeFileSync(join(folder, `${name}.png`), picture);
    });
    await page.goto('/');
    await take('overview');
    await take('overview-dark', page, 'dark');
    await page.goto('/setup/halden/1');
    await take('setup-guide');
    await page.goto('/tokens');
    await take('tokens');
    await page.goto('/log?show=errors_and_writes');
    await take('log');
    await page.goto('/log?tenant=halden&operation=patch');
    await page.locator('tbody tr a').first().click();
    await take('request');
    await page.goto(`/why?q=${encodeURIComponent('mara.voss@contractor.example')}&tenant=halden`);
    await take('why');
    await page.goto(`/users/halden/${ids.halden[0]}`);
    await take('user-dark', page, 'dark');
    const link = await makeSetupLink(page, '/connections/halden/1', secrets);
    const guest = await (await browser.profile({ viewport: SIZE })).newPage();
    await enter(guest, link);
    await take('setup-link-dark', guest, 'dark');
  } finally {
    await browser?.stop();
    await server.stop();
    server.remove();
    clock.remove();
  }
}

// Follows an invitation.
async function enterAs(page, link) {
  await page.goto(link);
  await page.getByLabel('New password').fill('a password for one picture');
  await page.getByRole('button', { name: /sign in/ }).click();
  await page.waitForURL('/');
}

// Puts a name in the place of this run's port. Runs in the page.
function nameTheServer({ origin, name }) {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replaceAll(origin, name);
  return document.fonts.ready.then(() => undefined);
}
