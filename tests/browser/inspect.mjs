// What every page must be: accessible in light and dark, narrow enough, small, and without complaints.
import { readFileSync } from 'node:fs';
import { installed } from './browser.mjs';
import { demand, demandNone } from './report.mjs';
import { packed } from './walk.mjs';

const AXE = readFileSync(installed.resolve('axe-core/axe.min.js'), 'utf8');
const RULES = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa'];
const THEMES = ['light', 'dark'];

// At once; more would wait for a core.
const WORKERS = 2;
// Reflow, success criterion 1.4.10: at this width nothing is scrolled sideways but tables and code.
const NARROW = { width: 320, height: 640 };

// Bytes, as gzip sends them.
const BUDGETS = { html: 40 * 1024, scripts: 30 * 1024, styles: 12 * 1024 };

export class Inspector {
  constructor({ browser, report }) {
    Object.assign(this, { browser, report });
  }

  // Opens pages in both themes; `answers` not reached by a link are shown as they were answered.
  async inspect(profile, answers) {
    const waiting = [...answers];
    const work = async () => {
      const page = await profile.newPage();
      for (let answer = waiting.shift(); answer; answer = waiting.shift()) {
        await this.#open(page, answer).catch(() => {});
        await this.look(page, answer.name ?? answer.path);
      }
      await page.close();
    };
    await Promise.all(Array.from({ length: WORKERS }, work));
  }

  async #open(page, answer) {
    if (!answer.shown) return page.goto(answer.path, { waitUntil: 'load' });
    const { url, status, headers, body } = answer.shown;
    await page.route(url, (route) => route.fulfill({ status, headers, body }), { times: 1 });
    return page.goto(url, { waitUntil: 'load' });
  }

  // Looks at the page as it is now.
  async look(page, name) {
    const size = page.viewportSize();
    for (const theme of THEMES) {
      await this.#check(page, `accessible in ${theme}: ${name}`, async () => {
        await page.emulateMedia({ colorScheme: theme });
        demandNone(await violations(page));
      });
    }
    await this.#check(page, `narrow: ${name}`, async () => {
      await page.setViewportSize(NARROW);
      const [wide, widest] = await page.evaluate(overflow);
      demand(wide <= NARROW.width, `it is ${wide} px wide in a window of ${NARROW.width}; what reaches out: ${widest.join(', ')}`);
    });
    await page.setViewportSize(size);
    await page.emulateMedia({ colorScheme: 'light' });
  }

  #check(page, name, work) {
    return this.report.check(name, async () => {
      try {
        await work();
      } catch (error) {
        throw new Error(`${error.message}\npicture: ${await this.browser.keep(page, name)}`);
      }
    });
  }
}

async function violations(page) {
  await page.evaluate(AXE);
  const found = await page.evaluate((rules) => globalThis.axe.run({ runOnly: rules, resultTypes: ['violations'] }), RULES);
  return found.violations.flatMap(({ id, help, nodes }) => nodes.map((node) => `${id} (${help}): ${node.target.join(' ')} ${node.html.slice(0, 160)}`));
}

// How wide the page is, and which elements make it so. Runs in the page.
function overflow() {
  const room = document.documentElement.clientWidth;
  const reaches = (element) => element.getBoundingClientRect().right > room + 1;
  const scrolls = (element) => ['auto', 'scroll', 'hidden'].includes(getComputedStyle(element).overflowX);
  const inside = (element) => element && (scrolls(element) || inside(element.parentElement));
  const widest = [...document.querySelectorAll('body *')].filter((element) => reaches(element) && !inside(element.parentElement));
  const name = (element) => element.tagName.toLowerCase() + (element.className && element.className.baseVal === undefined ? `.${[...element.classList].join('.')}` : '');
  return [document.documentElement.scrollWidth, [...new Set(widest.map(name))].slice(0, 8)];
}

// Budgets of every answer; assets are fetched once.
export async function weigh(request, answers, report) {
  const assets = new Map();
  const weight = async (path) => {
    if (!assets.has(path)) assets.set(path, packed(await (await request.get(path)).body()));
    return assets.get(path);
  };
  const sum = async (paths) => (await Promise.all(paths.map(weight))).reduce((all, one) => all + one, 0);
  const heaviest = { html: [0], scripts: [0], styles: [0] };
  for (const answer of answers.filter((answer) => answer.isPage)) {
    const weights = { html: packed(answer.bytes), scripts: await sum(answer.scripts()), styles: await sum(answer.styles()) };
    for (const [part, bytes] of Object.entries(weights)) {
      if (bytes > heaviest[part][0]) heaviest[part] = [bytes, answer.path];
    }
  }
  for (const [part, [bytes, path]] of Object.entries(heaviest)) {
    await report.check(`${part} of every page within ${BUDGETS[part] / 1024} KB; most has ${path}, ${(bytes / 1024).toFixed(1)} KB`, () => {
      demand(bytes > 0, 'nothing was weighed');
      demand(bytes <= BUDGETS[part], `${bytes} bytes are too many`);
    });
  }
}
