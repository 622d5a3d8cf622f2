// A customer's administrator, who comes in by a setup link and sees one connection.

// Has a person who is signed in make a setup link; gives its path.
export async function makeSetupLink(page, connection, secrets) {
  await page.goto(connection);
  await page.getByRole('button', { name: 'New setup link' }).click();
  const link = (await page.locator('#link').textContent()).trim();
  const path = new URL(link).pathname;
  secrets.keep(`the setup link of ${connection}`, path.split('/').pop());
  return path;
}

// Opens the link, and presses its button.
export async function enter(page, link) {
  await page.goto(link);
  await page.getByRole('button', { name: 'Open the setup page' }).click();
  await page.waitForURL('/setup');
}
