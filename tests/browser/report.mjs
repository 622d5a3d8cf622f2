// Counts checks, each with its name, and says of each that failed why.

export class Report {
  passed = 0;
  failed = 0;

  // A check holds if its work ends without throwing.
  async check(name, work) {
    try {
      const result = await work();
      this.passed += 1;
      console.log(`  ok   ${name}`);
      return result;
    } catch (error) {
      this.failed += 1;
      const [first, ...others] = String(error?.message ?? error).trimEnd().split('\n');
      console.log(`  FAIL ${name}: ${first}`);
      for (const line of others.slice(0, 30)) console.log(`       ${line}`);
      return undefined;
    }
  }

  chapter(title) {
    console.log(`\n${title}`);
  }

  // The line that scripts/test counts.
  close() {
    console.log(`\n${this.passed} passed, ${this.failed} failed`);
    return this.failed === 0 && this.passed > 0 ? 0 : 1;
  }
}

export function demand(holds, why) {
  if (!holds) throw new Error(why);
}

export function demandEqual(found, wanted, what) {
  demand(found === wanted, `${what} is ${JSON.stringify(found)} instead of ${JSON.stringify(wanted)}`);
}

// Throws everything that is wrong at once, one line each.
export function demandNone(wrong) {
  demand(wrong.length === 0, wrong.join('\n'));
}
