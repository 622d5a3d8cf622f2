// A Provisor server that was never started before, with what it prints.
import { spawn, execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';

const PATIENCE = 30_000;

export class Server {
  #folder = mkdtempSync(join(tmpdir(), 'provisor-browser-'));
  #process;
  #ended;
  // What it has printed, its own log among it.
  printed = '';

  constructor(binary, environment = {}) {
    this.binary = binary;
    this.environment = { ...process.env, ...environment, PROVISOR_DATABASE: `sqlite:${this.#folder}/provisor.db`, NO_COLOR: '1' };
  }

  // Resolves when it waits for requests; `origin` and `firstLink` are what it printed.
  async start() {
    const before = this.printed.length;
    this.#process = spawn(this.binary, ['serve', '--listen', '127.0.0.1:0', '--log-level', 'debug'], {
      env: this.environment,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#ended = new Promise((resolve) => this.#process.once('exit', (code, signal) => resolve(code ?? signal)));
    await new Promise((resolve, reject) => {
      const late = setTimeout(() => reject(new Error(`no server within 30 seconds; it printed:\n${this.printed}`)), PATIENCE);
      const read = (bytes) => {
        this.printed += bytes;
        const listening = /^Provisor listens on (http:\S+)$/m.exec(this.printed.slice(before));
        if (!listening) return;
        clearTimeout(late);
        this.origin = listening[1];
        this.firstLink = /^(http:\S+\/link\/\S+)$/m.exec(this.printed)?.[1];
        resolve();
      };
      this.#process.stdout.on('data', read);
      this.#process.stderr.on('data', read);
      this.#ended.then((code) => reject(new Error(`the server ended with ${code}; it printed:\n${this.printed}`)));
    });
    return this;
  }

  // Runs a command beside it, and gives what it prints.
  async run(...command) {
    const { stdout } = await promisify(execFile)(this.binary, command, { env: this.environment });
    return stdout.trim();
  }

  // Every file it keeps, as bytes.
  files() {
    return readdirSync(this.#folder).map((name) => ({ name, bytes: readFileSync(join(this.#folder, name)) }));
  }

  // Ends it as an operator would; gives its exit code.
  async stop() {
    this.#process.kill('SIGTERM');
    const late = setTimeout(() => this.#process.kill('SIGKILL'), 15_000);
    const code = await this.#ended;
    clearTimeout(late);
    return code;
  }

  remove() {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
