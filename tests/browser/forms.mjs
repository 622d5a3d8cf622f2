// Every form of every page, filled in and sent by a browser without scripts.
import { demand, demandNone } from './report.mjs';
import { Answer, kind, learnTenants } from './walk.mjs';

// What ends the session, or takes the ground from under other forms, comes last, in this order.
const LATE = [/password/, /suspend|resume/, /revoke/, /delete|remove/, /leave/, /sessions\/.*\/end/, /sign-out/];
const ENDS = /leave$|sessions\/.*\/end$|sign-out$/;

const REQUIRED = 'input[required]:visible, textarea[required]:visible';

const lateness = (name) => LATE.reduce((last, pattern, at) => (pattern.test(name) ? at + 1 : last), 0);

export class Forms {
  #found = new Map();
  #sent = new Set();
  #number = 0;
  // Pages that only a form leads to, to be looked at.
  landed = [];

  constructor({ report, secrets, origin, tenants, expendable, email, password }) {
    Object.assign(this, { report, secrets, origin, tenants, expendable, email, password });
  }

  // Sends every form found on these pages, and on those they lead to.
  async send(page, answers, comeBack) {
    for (const answer of answers.filter((answer) => answer.isPage)) this.#note(answer);
    for (let name = this.#next(); name; name = this.#next()) {
      this.#sent.add(name);
      await this.report.check(`without scripts: ${name}`, () => this.#sendOne(page, name));
      if (ENDS.test(name) && comeBack) await this.report.check(`without scripts: signed in again after ${name}`, () => comeBack(page));
    }
  }

  #next() {
    const waiting = [...this.#found.keys()].filter((name) => !this.#sent.has(name));
    return waiting.sort((a, b) => lateness(a) - lateness(b) || a.localeCompare(b))[0];
  }

  // Notes the forms of an answer by method and kind of their action. Dialogs open by scripts alone.
  #note(answer) {
    learnTenants(this.tenants, [answer]);
    for (const [tag] of answer.text.matchAll(/<form\b[^>]*>/g)) {
      const method = /method="([^"]*)"/.exec(tag)?.[1];
      if (method === 'dialog') continue;
      const name = this.#name(method, /action="([^"]*)"/.exec(tag)?.[1] ?? answer.path);
      const pages = this.#found.get(name) ?? [];
      if (!pages.includes(answer.path)) pages.push(answer.path);
      this.#found.set(name, pages);
    }
  }

  #name(method, action) {
    return `${(method ?? 'get').toUpperCase()} ${kind(new URL(action, this.origin).pathname, this.tenants)}`;
  }

  // Some pages where it stands: of the expendable tenant, the most specific, and, since those may be
  // gone by then, the most general.
  #pages(name) {
    const pages = [...this.#found.get(name)].sort((a, b) => b.length - a.length);
    const expendable = pages.filter((path) => path.includes(this.expendable));
    const others = pages.filter((path) => !path.includes(this.expendable));
    return [...new Set([...expendable.slice(0, 4), ...others.slice(0, 4), ...others.slice(-4)])];
  }

  async #sendOne(page, name) {
    const complaints = [];
    for (const path of this.#pages(name)) {
      const opened = await page.goto(path);
      const form = opened.ok() && (await this.#form(page, name));
      // What was done meanwhile may have taken it away.
      if (!form) continue;
      if (name.startsWith('POST') && (await form.locator(REQUIRED).count()) > 0) await this.#sendEmpty(page, name, path, form);
      await page.goto(path);
      const again = await this.#form(page, name);
      await this.#fill(again);
      const answer = await this.#submit(page, again);
      const alert = await page.locator('main [role=alert]').allTextContents();
      if (answer.status === 200 && alert.length === 0) return;
      complaints.push(`on ${path}: answered ${answer.status}, ${page.url()}: ${alert.join(' ') || answer.title()}`);
    }
    demandNone(complaints);
    demand(false, `it is on none of ${this.#pages(name).join(', ')} any more`);
  }

  // Without what is required it is done all the same, or refused with an explanation.
  async #sendEmpty(page, name, path, form) {
    await form.evaluate((form) => { form.noValidate = true; });
    for (const field of await form.locator(REQUIRED).all()) await field.fill('');
    const answer = await this.#submit(page, form, `${path}, sent empty`);
    const alerts = await page.locator('main [role=alert]').count();
    demand(answer.status === 200 || (answer.status < 500 && alerts > 0), `sent empty it is answered ${answer.status}, with ${alerts} explanations`);
  }

  async #form(page, name) {
    for (const form of await page.locator('form').all()) {
      const { method, action } = await form.evaluate((form) => ({ method: form.getAttribute('method') ?? 'get', action: form.getAttribute('action') ?? location.pathname }));
      if (this.#name(method, action) === name) return form;
    }
    return undefined;
  }

  async #fill(form) {
    for (const field of await form.locator('input:visible, select:visible, textarea:visible').all()) {
      const { tag, type, name, value, required, autocomplete } = await field.evaluate((field) => ({ tag: field.tagName, type: field.type, name: field.name, value: field.value, required: field.required, autocomplete: field.autocomplete }));
      if (name === 'typed') await field.fill(await form.locator('label[for=typed] .mono').textContent());
      else if (type === 'password') await field.fill(this.password);
      else if (type === 'email') await field.fill(autocomplete === 'username' ? this.email : 'new.person@example.com');
      // A name that leads nowhere, so that nobody else is asked.
      else if (type === 'url') await field.fill('https://scim.invalid/scim/v2');
      // A simulation that is still there to be stopped.
      else if (type === 'radio' && value === 'real') await field.check();
      else if (type === 'search') await field.fill('lena');
      else if (tag === 'SELECT' && required && value === '') await field.selectOption(await this.#choice(field));
      else if ((tag === 'TEXTAREA' || type === 'text') && required && value === '' && autocomplete !== 'username') await field.fill(`form-${(this.#number += 1)}`);
    }
    for (const set of await form.locator('fieldset').all()) {
      const boxes = set.getByRole('checkbox');
      if ((await boxes.count()) > 0 && (await set.locator(':checked').count()) === 0) await boxes.first().check();
    }
  }

  async #choice(field) {
    const values = await field.locator('option').evaluateAll((options) => options.map((option) => option.value).filter(Boolean));
    return values.includes(this.expendable) ? this.expendable : values[0];
  }

  // Presses its button, or Enter where there is none; gives the page where it ends.
  async #submit(page, form, said) {
    const button = form.locator('button').first();
    const press = (await button.count()) > 0 ? () => button.click() : () => form.locator('input:visible').first().press('Enter');
    const isPage = (response) => response.request().isNavigationRequest() && (response.status() < 300 || response.status() >= 400);
    const [response] = await Promise.all([page.waitForResponse(isPage), press()]);
    const body = await response.body();
    await page.waitForLoadState();
    const url = new URL(response.url());
    const answer = new Answer({ path: url.pathname + url.search, from: 'a form', status: response.status(), type: response.headers()['content-type'], bytes: body });
    if (answer.isPage) {
      demandNone(this.secrets.within(answer.text, `the answer at ${answer.path}`));
      for (const secret of await page.locator(':is(#secret, #link):not(input, textarea)').allTextContents()) this.secrets.keep(`what ${answer.path} showed once`, secret.trim().split('/').pop());
      this.#note(answer);
      answer.name = said ?? `${answer.path} after ${response.request().method()}`;
      answer.shown = { url: response.url(), status: response.status(), headers: response.headers(), body };
      this.landed.push(answer);
    }
    return answer;
  }
}
