// The story of a first day: from a server that nobody has opened to a token that is refused.
import { demand, demandEqual } from './report.mjs';
import { Provider, replay } from './provider.mjs';

const OWNER_PASSWORD = 'correct horse battery staple';
// Of the transcript that is replayed; until its team has members.
const TRANSCRIPT = 'okta-catalog-app';
const STEPS = 17;

export class Story {
  constructor({ server, browser, report, secrets }) {
    Object.assign(this, { server, browser, report, secrets });
  }

  // Tells it; gives the profile that is signed in.
  async tell() {
    const { browser } = this;
    this.profile = await browser.profile({ permissions: ['clipboard-read', 'clipboard-write'] });
    this.page = await this.profile.newPage();
    this.secrets.keep('a password that Okta pushed', 'N3w-Passw0rd');
    this.secrets.keep('the password that Okta made up', '1mz050nq');
    await this.signIn();
    await this.makeTenantAndConnection();
    await this.makeToken();
    await this.watchItArrive();
    await this.explainWhoIsMissing();
    await this.rotate();
    await this.passwords();
    await this.simulate();
    await this.page.close();
    return this.profile;
  }

  // A step of the story: what failed is kept as a picture. What comes after rests on it, so it ends there.
  async step(name, work) {
    let failure;
    await this.report.check(name, async () => {
      try {
        await work(this.page);
      } catch (error) {
        failure = new Error(`${error.message}\npage: ${this.page.url()}\npicture: ${await this.browser.keep(this.page, `story ${name}`)}`);
        throw failure;
      }
    });
    if (failure) throw new Error(`the story ended at “${name}”`);
  }

  async signIn() {
    const link = this.secrets.keep('the first sign-in link', this.server.firstLink).replace(/^.*?(?=\/link\/)/, '');
    this.secrets.keep('the secret of the first sign-in link', link.replace('/link/', ''));
    await this.step('the first start prints a link, and opening it changes nothing', async (page) => {
      await page.goto(link);
      await page.reload();
      await page.getByRole('button', { name: /^Sign in/ }).waitFor();
    });
    await this.step('its button signs the first owner in', async (page) => {
      await page.getByRole('button', { name: /^Sign in/ }).click();
      await page.waitForURL('/');
      await page.getByRole('heading', { level: 1, name: 'Overview' }).waitFor();
      const [session] = (await this.profile.cookies()).filter((cookie) => cookie.httpOnly);
      this.secrets.keep('the session of the first owner', session.value);
    });
    await this.step('the link works once', async () => {
      const stranger = await this.browser.profile();
      const page = await stranger.newPage();
      demandEqual((await page.goto(link)).status(), 410, 'the answer to the used link');
      await stranger.close();
    });
  }

  async makeTenantAndConnection() {
    await this.step('a tenant is made', async (page) => {
      await page.goto('/tenants');
      await page.getByLabel('Key', { exact: true }).fill('acme');
      await page.getByLabel('Name', { exact: true }).fill('Acme Corp');
      await page.getByRole('button', { name: 'Make the tenant' }).click();
      await page.getByRole('heading', { level: 1, name: 'Acme Corp' }).waitFor();
    });
    await this.step('a connection for Okta is made, for one domain, and its guide opens', async (page) => {
      await page.getByRole('link', { name: 'New connection' }).first().click();
      await page.getByLabel('Identity provider').selectOption({ label: 'Okta' });
      await page.getByLabel('Profile').selectOption('okta');
      await page.getByLabel('Domains').fill('example.com');
      await page.getByRole('button', { name: 'Make the connection' }).click();
      await page.getByRole('heading', { level: 1, name: /Okta/ }).waitFor();
      this.guide = new URL(page.url()).pathname;
      demand(this.guide.startsWith('/setup/acme/'), `it led to ${this.guide}`);
    });
  }

  async makeToken() {
    const { page } = this;
    await this.step('a token is made and shown', async () => {
      await page.goto('/tokens/new');
      await page.getByLabel('Purpose').fill('Okta production');
      await page.getByLabel('Tenant').selectOption('acme');
      await page.getByRole('checkbox', { name: /^scim An/ }).check();
      await page.getByRole('button', { name: 'Make the token' }).click();
      this.token = this.secrets.keep('the first token', (await page.locator('#secret').textContent()).trim());
      demand(/^pvr_scim_\w{40,}$/.test(this.token), 'it does not look like a token');
    });
    await this.step('its copy button copies it', async () => {
      await page.getByRole('button', { name: 'Copy' }).first().click();
      await page.getByText('Copied', { exact: true }).first().waitFor();
      demandEqual(await page.evaluate(() => navigator.clipboard.readText()), this.token, 'the clipboard');
    });
    await this.step('it is shown once: neither opening the page again nor the list shows it', async () => {
      for (const path of [page.url(), '/tokens']) {
        await page.goto(path);
        demand(!(await page.content()).includes(this.token), `${path} shows it`);
      }
      await page.getByText('Okta production', { exact: true }).first().waitFor();
    });
  }

  async watchItArrive() {
    const log = await this.profile.newPage();
    const { page } = this;
    const stays = (shown) => shown.evaluate(() => { window.stayed = true; });
    const stayed = async (shown) => demand(await shown.evaluate(() => window.stayed === true), 'the page was loaded again');
    await this.step('the guide waits for the first request', async () => {
      await page.goto(this.guide);
      await page.locator('li.wait', { hasText: 'Reached this server' }).waitFor();
      await stays(page);
      await log.goto('/log');
      await log.getByText('No request has arrived yet').waitFor();
      await stays(log);
    });
    await this.step(`Okta sends users and a team (${TRANSCRIPT}, ${STEPS} steps)`, () => replay(this.server.origin, this.token, TRANSCRIPT, STEPS));
    for (const name of ['Reached this server', 'Token accepted', 'Test call answered', 'First user', 'First deactivation', 'First team']) {
      await this.step(`the guide ticks “${name}” off, live`, () => page.locator('li.ok', { hasText: name }).waitFor());
    }
    await this.step('user and team appear in the sync log, live', async () => {
      await log.getByRole('link', { name: /ann\.lee@example\.com/ }).first().waitFor();
      await log.getByRole('link', { name: /Eng/ }).first().waitFor();
      await stayed(log);
      await stayed(page);
    });
    await this.step('users are found while their name is typed', async () => {
      await log.goto('/users');
      await stays(log);
      await log.getByLabel('Find users').pressSequentially('bo.k');
      await log.getByRole('row', { name: /Ann Lee/ }).waitFor({ state: 'detached' });
      await log.getByRole('link', { name: 'Bo Kim' }).waitFor();
      await stayed(log);
    });
    await this.step('the team has its members', async () => {
      await log.goto('/teams');
      await log.getByRole('link', { name: 'Engineering' }).click();
      await log.getByRole('link', { name: 'Bo Kim' }).or(log.getByRole('link', { name: /bo\.kim/ })).first().waitFor();
    });
    await log.close();
  }

  async explainWhoIsMissing() {
    const okta = new Provider(this.server.origin, this.token);
    const { page } = this;
    await this.step('a user of another domain is refused', async () => {
      const answer = await okta.assign('mara.voss@contractor.example', 'Mara', 'Voss');
      demandEqual(answer.status, 400, 'the status');
    });
    await this.step('the guide names the cause, live', () => page.locator('.troubles', { hasText: 'domain_not_allowed' }).waitFor());
    await this.step('Why explains who is missing', async () => {
      await page.goto('/why');
      await page.getByLabel('E-mail, userName').fill('mara.voss@contractor.example');
      await page.getByRole('button', { name: 'Ask why' }).click();
      const verdict = page.locator('.verdict');
      await verdict.getByText('domain_not_allowed', { exact: true }).waitFor();
      demand((await verdict.textContent()).includes('mara.voss@contractor.example'), 'the verdict does not name the person');
    });
    await this.step('Why proves that a name was never sent', async () => {
      await page.getByLabel('E-mail, userName').fill('nobody@example.com');
      await page.getByRole('button', { name: 'Ask why' }).click();
      await page.getByRole('heading', { name: 'What the log can vouch for' }).waitFor();
      await page.getByRole('heading', { name: 'What to check in the identity provider' }).waitFor();
    });
  }

  async rotate() {
    const { page } = this;
    await this.step('a token is rotated: a second one is made and waited for', async () => {
      await page.goto('/tokens');
      await page.getByRole('link', { name: /^Rotate/ }).first().click();
      await page.getByRole('button', { name: 'Make the new token' }).click();
      this.second = this.secrets.keep('the second token', (await page.locator('#secret').textContent()).trim());
      demand(this.second !== this.token, 'it is the old one');
      await page.locator('li.wait', { hasText: 'Waiting for the new token' }).waitFor();
    });
    await this.step('the old token still works', async () => {
      demandEqual((await new Provider(this.server.origin, this.token).test()).status, 200, 'the status');
    });
    await this.step('the first request of the new one is seen, live', async () => {
      demandEqual((await new Provider(this.server.origin, this.second).test()).status, 200, 'the status');
      await page.locator('li.ok', { hasText: 'made its first request' }).waitFor();
    });
    await this.step('then the old one is revoked', async () => {
      await page.getByRole('link', { name: 'Revoke the old token' }).click();
      await page.locator('main').getByRole('button', { name: /^Revoke/ }).click();
      await page.getByRole('status').filter({ hasText: /revoked/i }).first().waitFor();
    });
    await this.step('its next request is refused', async () => {
      demandEqual((await new Provider(this.server.origin, this.token).test()).status, 401, 'the status');
      demandEqual((await new Provider(this.server.origin, this.second).test()).status, 200, 'the status of the new one');
    });
    await this.step('the sync log explains it', async () => {
      await page.goto('/log?cause=token_revoked');
      await page.locator('tbody tr', { hasText: 'token_revoked' }).first().getByRole('link').click();
      await page.getByText('This token was revoked').or(page.getByText(/token .*revoked/i)).first().waitFor();
    });
    await this.step('the guide says what to do', async () => {
      await page.goto(this.guide);
      const trouble = page.locator('.troubles li', { hasText: 'token_revoked' });
      await trouble.getByText(/Make a new token/).waitFor();
    });
  }

  async simulate() {
    const start = async (page, scenario, pace) => {
      await page.goto('/simulator');
      await page.getByRole('radio', { name: scenario }).check();
      await page.getByLabel('People', { exact: true }).fill('40');
      await page.getByLabel(pace).check();
      await page.getByRole('button', { name: 'Start' }).click();
      await page.waitForURL(/\/simulator\/\d+$/);
    };
    await this.step('a simulated company moves in, and the page says by itself that all is well', async (page) => {
      await start(page, /^first-sync/, 'Fast');
      await page.getByText('Everything is as it should be.', { exact: true }).waitFor();
      await page.getByRole('button', { name: 'Stop' }).waitFor({ state: 'hidden' });
      await page.getByRole('cell', { name: 'People assigned' }).waitFor();
      await page.getByText('This is simulated data').waitFor();
    });
    await this.step('a living one is watched, fails while its tenant is suspended, and is stopped', async (page) => {
      await start(page, /^joiner-mover-leaver/, 'Real');
      await page.getByRole('progressbar').waitFor();
      await page.getByRole('cell', { name: 'Joiners' }).waitFor();
      await this.server.run('tenant', 'suspend', 'simulated-okta-2');
      await page.getByRole('heading', { name: 'Failed for good' }).waitFor();
      await this.server.run('tenant', 'resume', 'simulated-okta-2');
      await page.getByRole('button', { name: 'Stop' }).click();
      await page.getByText('Stopped before its end.').waitFor();
      await page.getByRole('link', { name: 'Request 1', exact: true }).click();
      await page.waitForURL(/\/log\/req_/);
      await page.getByRole('heading', { level: 1, name: /was refused/ }).waitFor();
    });
    await this.step('its data is cleared with one press', async (page) => {
      await page.goto('/users?tenant=simulated-okta-1');
      await page.getByRole('link', { name: 'Clear' }).click();
      await page.getByRole('button', { name: 'Clear the simulated data' }).click();
      await page.waitForURL('/tenants');
      await page.getByText('is cleared').first().waitFor();
    });
  }

  async passwords() {
    const { page } = this;
    const password = this.secrets.keep('the owner’s password', OWNER_PASSWORD);
    await this.step('the owner sets a password, leaves, and comes back with it', async () => {
      await page.goto('/settings');
      await page.getByLabel('New password').fill(password);
      await page.getByRole('button', { name: 'Set password' }).click();
      await page.getByRole('status').filter({ hasText: /password/i }).first().waitFor();
      this.owner = (await page.locator('.who').getAttribute('title')).trim();
      await page.getByRole('button', { name: 'Sign out' }).click();
      await page.waitForURL(/sign-in/);
    });
    await this.step('a wrong password is told, and nothing more', async () => {
      await signIn(page, this.owner, this.secrets.keep('a wrong password', 'wrong horse battery staple'));
      await page.getByRole('alert').waitFor();
    });
    await this.step('the right one opens a session', async () => {
      await signIn(page, this.owner, password);
      await page.waitForURL('/');
      const [session] = (await this.profile.cookies()).filter((cookie) => cookie.httpOnly);
      this.secrets.keep('the owner’s second session', session.value);
    });
    this.password = password;
    this.comeBack = async (page) => {
      await signIn(page, this.owner, password);
      await page.waitForURL('/');
    };
  }
}

// Signs in by the form.
async function signIn(page, email, password) {
  await page.goto('/sign-in');
  await page.getByLabel('E-mail').fill(email);
  await page.getByLabel('Password').fill(password);
  await page.getByRole('button', { name: 'Sign in' }).click();
}
