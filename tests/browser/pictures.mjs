// Pictures for README and docs: a day at a company, whose clock the run sets, so that times are the same each time.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Browser } from './browser.mjs';
import { fill } from './company.mjs';
import { enter, makeSetupLink } from './portal.mjs';
import { demand } from './report.mjs';
import { Secrets } from './secrets.mjs';
import { Server } from './server.mjs';

const MINUTE = 60_000;
// When the pictures are taken; the day before is what they show.
const NOW = Date.UTC(2026, 10, 25, 15, 20);
const HEAVIEST = 150 * 1024;

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

// Lets a part of what is left of the day pass, while providers ask as they do: more in the daytime.
async function goOn(clock, providers) {
  const until = clock.now + (NOW - clock.now) * 0.14;
  while (clock.now + 30 * MINUTE < until) {
    clock.set(clock.now + 30 * MINUTE);
    const daytime = Math.max(0, Math.sin(((new Date(clock.now).getUTCHours() - 6) / 13) * Math.PI));
    for (let request = 0; request < 2 + 14 * daytime; request += 1) await Object.values(providers)[request % 3].test();
  }
  clock.set(Math.round(until));
}

// Takes them into a folder.
export async function takePictures({ report, binary, folder, failures }) {
  const clock = new Clock();
  clock.set(NOW - 24 * 60 * MINUTE);
  const server = await new Server(binary, clock.environment).start();
  const browser = await new Browser(server.origin, failures).start();
  const secrets = new Secrets();
  mkdirSync(folder, { recursive: true });
  try {
    const { providers, ids } = await fill({ server, secrets, then: (providers) => goOn(clock, providers) });
    clock.set(NOW);
    const link = await server.run('person', 'link', 'owner@localhost', '--public-url', server.origin);
    const owner = await browser.profile({ deviceScaleFactor: 1 });
    const page = await owner.newPage();
    await page.goto(link);
    await page.getByRole('button', { name: /^Sign in/ }).click();
    await page.waitForURL('/');
    const take = (name, path, theme = 'light', shown = page) =>
      report.check(`picture: ${name}`, async () => {
        await shown.emulateMedia({ colorScheme: theme });
        if (path) await shown.goto(path);
        await shown.evaluate(() => document.fonts.ready);
        const file = join(folder, `${name}.png`);
        await shown.screenshot({ path: file });
        demand(statSync(file).size <= HEAVIEST, `${statSync(file).size} bytes are too many`);
      });
    const mara = encodeURIComponent('mara.voss@contractor.example');
    await take('overview', '/');
    await take('overview-dark', '/', 'dark');
    await take('setup-guide', '/setup/halden/1');
    await take('why', `/why?q=${mara}&tenant=halden`);
    await take('log', '/log');
    await page.goto(`/users/halden/${ids.halden[0]}`);
    await take('user-dark', undefined, 'dark');
    await page.goto('/log?tenant=halden&operation=patch');
    await page.locator('tbody tr a').first().click();
    await take('request', undefined);
    await take('tokens', '/tokens');
    const guest = await (await browser.profile()).newPage();
    await enter(guest, await makeSetupLink(page, '/connections/halden/1', secrets));
    await take('setup-link-dark', '/setup', 'dark', guest);
  } finally {
    await browser.stop();
    await server.stop();
    server.remove();
    clock.remove();
  }
}
