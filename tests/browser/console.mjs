// The console's pages, as links and forms lead to them: whoever adds a page need not say so here.
import { connectEveryProvider, fill } from './company.mjs';
import { Forms } from './forms.mjs';
import { Inspector, weigh } from './inspect.mjs';
import { enter, makeSetupLink } from './portal.mjs';
import { demandEqual, demandNone } from './report.mjs';
import { kind, learnTenants, walk } from './walk.mjs';

const PASSWORD = 'quiet river under seven bridges';
// Roles that see less than the owner.
const ROLES = ['operator', 'support', 'auditor'];
// A guide, of one connection.
const GUIDE = /^\/setup\/[^/]+\/\d+$/;
// Where nothing is.
const MISSING = ['/nothing-here', '/tenants/nobody', '/users/acme/nobody', '/log/req_00000000000000000000000000', '/setup/acme/999'];

export class Console {
  // The parts that were looked at, by kind of page.
  #seen = new Map();
  #tenants = new Set();
  // The owner's pages that were looked at.
  #distinct = [];

  constructor(the) {
    Object.assign(this, the);
    this.inspector = new Inspector(the);
  }

  async ofTheOwner() {
    const page = await this.owner.newPage();
    await fill(this);
    this.connections = await connectEveryProvider({ ...this, page });
    await page.close();
    this.answers = await this.#walk(this.owner, '/', 'the owner');
    await weigh(this.owner.request, this.answers, this.report);
    this.#distinct = this.#unseen(this.answers);
    await this.inspector.inspect(this.owner, this.#distinct);
  }

  async ofSetupLinks() {
    const own = await this.owner.newPage();
    for (const { idp, path } of this.connections) {
      const link = await makeSetupLink(own, path, this.secrets);
      const guest = await this.browser.profile();
      const page = await guest.newPage();
      await page.goto(link);
      if (idp === this.connections[0].idp) await this.inspector.look(page, 'a setup link');
      await this.report.check(`the setup link for ${idp} opens its guide`, () => enter(page, link));
      await this.inspector.look(page, `/setup for ${idp}`);
      await page.getByRole('button', { name: 'Make a token' }).click();
      const shown = page.locator('#secret');
      this.secrets.keep(`the token made at /setup for ${idp}`, (await shown.textContent()).trim());
      await this.inspector.inspect(guest, this.#unseen(await this.#walk(guest, '/setup', `who sets ${idp} up`)));
      await guest.close();
    }
    await own.close();
  }

  async ofOthers() {
    const guest = await this.browser.profile();
    const page = await guest.newPage();
    for (const path of ['/sign-in', '/nothing-here', '/setup', '/link/used', '/setup/link/used']) {
      await page.goto(path);
      await this.inspector.look(page, `${path}, not signed in`);
    }
    await guest.close();
    const own = await this.owner.newPage();
    for (const path of MISSING) {
      await this.report.check(`${path} is answered 404`, async () => demandEqual((await own.goto(path)).status(), 404, 'the status'));
      await this.inspector.look(own, path);
    }
    await own.close();
    for (const role of ROLES) {
      const profile = await this.browser.profile();
      await this.#invite(profile, role);
      await this.inspector.inspect(profile, this.#unseen(await this.#walk(profile, '/', `the ${role}`)));
      await profile.close();
    }
  }

  async #invite(profile, role) {
    const printed = await this.server.run('person', 'add', `${role}@provisor.example`, '--role', role, '--public-url', this.server.origin);
    const link = this.secrets.keep(`the invitation of the ${role}`, printed.split('\n').pop()).replace(this.server.origin, '');
    await this.report.check(`an invitation lets the ${role} in`, async () => {
      const page = await profile.newPage();
      await page.goto(link);
      if (role === ROLES[0]) await this.inspector.look(page, 'an invitation');
      await page.getByLabel('New password').fill(this.secrets.keep(`the password of the ${role}`, `${PASSWORD} ${role}`));
      await page.getByRole('button', { name: /sign in/ }).click();
      await page.waitForURL('/');
      await page.close();
    });
  }

  async forms() {
    const profile = await this.browser.profile({ javaScriptEnabled: false });
    const page = await profile.newPage();
    const forms = new Forms({ ...this, origin: this.server.origin, tenants: this.#tenants, expendable: 'providers', email: this.story.owner, password: this.story.password });
    await this.report.check('without scripts: signed in', () => this.story.comeBack(page));
    await this.report.check('without scripts: nothing is shown that needs them', () => this.#nothingThatNeedsScripts(page));
    await forms.send(page, this.answers, this.story.comeBack);
    await profile.close();

    const own = await this.owner.newPage();
    await this.report.check('signed in again', () => this.story.comeBack(own));
    const guest = await this.browser.profile({ javaScriptEnabled: false });
    const setup = await guest.newPage();
    const comeBack = async () => enter(setup, await makeSetupLink(own, '/connections/halden/1', this.secrets));
    await this.report.check('without scripts: a setup link', comeBack);
    await forms.send(setup, await walk(guest, this.server.origin, '/setup'), comeBack);
    await guest.close();
    await own.close();
    await this.inspector.inspect(this.owner, this.#unseen(forms.landed));
  }

  async #nothingThatNeedsScripts(page) {
    const useless = [];
    for (const { path } of this.#distinct) {
      await page.goto(path);
      if ((await page.locator('.js-only:visible').count()) > 0) useless.push(path);
    }
    demandNone(useless.map((path) => `${path} shows what only works with scripts`));
  }

  async atTheEnd() {
    const { browser, report, secrets, server } = this;
    this.answers = await this.#walk(this.owner, '/', 'the owner, at the end');
    await report.check('no page asked anybody but the server', () => demandNone([...new Set(browser.strayed)]));
    await report.check('no page complained (scripts, policy)', () => demandNone([...new Set(browser.complaints)]));
    await report.check('the server stops in order', async () => demandEqual(await server.stop(), 0, 'its exit code'));
    await report.check(`none of ${secrets.count} secrets is in what the server printed`, () => {
      const [, later] = server.printed.split(/^Provisor listens on .*$/m);
      demandNone(secrets.within(later, 'its log'));
    });
    await report.check('none of them is in its files', () => demandNone(server.files().flatMap(({ name, bytes }) => secrets.within(bytes, name))));
  }

  // Every page that links lead to: each must be there, and tell no secret.
  async #walk(profile, start, whom) {
    const answers = await walk(profile, this.server.origin, start);
    learnTenants(this.#tenants, answers);
    await this.report.check(`every link of ${answers.length} pages leads ${whom} to a page that is there`, () => {
      const origin = new Map(answers.map(({ path, from }) => [path, from]));
      const way = (path) => (origin.has(path) && origin.get(path) !== start ? `${way(origin.get(path))} → ${path}` : path);
      demandNone(answers.filter(({ status }) => ![200, 303, 308].includes(status)).map(({ path, status }) => `${way(path)} is answered ${status}`));
      demandNone(answers.flatMap(({ path, leads }) => leads.map((url) => `${path} links to ${url}`)));
    });
    await this.report.check(`none of these pages and files tells ${whom} a secret`, () => demandNone(answers.flatMap(({ path, text }) => this.secrets.within(text, path))));
    return answers;
  }

  // Pages with a part that no page of their kind had. Guides are texts of their own, so each is one.
  #unseen(answers) {
    return answers.filter((answer) => {
      if (!answer.isPage || answer.status === 303) return false;
      const own = GUIDE.test(answer.path) && !answer.shown ? answer.path : kind(answer.path, this.#tenants).replace(/\?.*/, '');
      const seen = this.#seen.get(own) ?? new Set();
      const fresh = !this.#seen.has(own) || [...answer.parts()].some((part) => !seen.has(part));
      for (const part of answer.parts()) seen.add(part);
      this.#seen.set(own, seen);
      return fresh;
    });
  }
}
