// Drives the console in Chromium from the first start on; scripts/test runs it as its step "browser".
//   PROVISOR        the binary
//   BROWSER_TOOLS   the folder where package.json is installed
//   BROWSER_LOGS    where pictures of failures go
//   CHROMIUM        the browser, if it is not /usr/bin/chromium
//   PICTURES        the folder for pictures of pages, if they are wanted
import { Browser } from './browser.mjs';
import { Console } from './console.mjs';
import { takePictures } from './pictures.mjs';
import { Report } from './report.mjs';
import { Secrets } from './secrets.mjs';
import { Server } from './server.mjs';
import { Story } from './story.mjs';

const report = new Report();
const secrets = new Secrets();
const server = await new Server(process.env.PROVISOR).start();
const browser = await new Browser(server.origin, process.env.BROWSER_LOGS).start();
const the = { report, secrets, server, browser };
const started = Date.now();
const chapter = (title) => report.chapter(`${title} (after ${Math.round((Date.now() - started) / 1000)} s)`);
try {
  chapter('The first day');
  const story = new Story(the);
  const owner = await story.tell();
  const pages = new Console({ ...the, story, owner });
  chapter('Every page of the owner');
  await pages.ofTheOwner();
  chapter('Every guide, and who comes by a setup link');
  await pages.ofSetupLinks();
  chapter('Who sees less, and who sees nothing');
  await pages.ofOthers();
  chapter('Every form, without scripts');
  await pages.forms();
  chapter('What no page may do');
  await pages.atTheEnd();
} catch (error) {
  await report.check('the run comes to its end', () => Promise.reject(error));
} finally {
  await browser.stop();
  server.remove();
}
if (process.env.PICTURES) {
  chapter('Pictures');
  await takePictures({ report, binary: process.env.PROVISOR, folder: process.env.PICTURES, failures: process.env.BROWSER_LOGS });
}
process.exitCode = report.close();
