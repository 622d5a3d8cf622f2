// The canaries: every secret that a run gave away once, and the search for it everywhere else.

export class Secrets {
  #known = [];

  // Remembers a secret, and gives it back.
  keep(what, secret) {
    if (!secret || secret.length < 8) throw new Error(`${what} is no secret: ${JSON.stringify(secret)}`);
    // Each as it is, and as it stands in addresses.
    for (const form of new Set([secret, encodeURIComponent(secret)])) this.#known.push({ what, form });
    return secret;
  }

  get count() {
    return new Set(this.#known.map(({ what }) => what)).size;
  }

  // What is given away by a text or bytes.
  within(found, place) {
    return this.#known.filter(({ form }) => found.includes(form)).map(({ what }) => `${place} has ${what}`);
  }
}
