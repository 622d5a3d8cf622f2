// The canaries: every secret that a run gave away once, and the search for it everywhere else.

export class Secrets {
  #known = [];

  // Remembers a secret, and gives it back.
  keep(what, secret) {
    if (!secret || secret.length < 8) throw new Error(`${what} is no secret: ${JSON.stringify(secret)}`);
    this.#known.push({ what, secret });
    return secret;
  }

  get count() {
    return this.#known.length;
  }

  // What is given away by a text or bytes; each secret also as it stands in addresses.
  within(found, place) {
    const has = (text) => found.includes(text);
    return this.#known
      .filter(({ secret }) => has(secret) || has(encodeURIComponent(secret)))
      .map(({ what }) => `${place} has ${what}`);
  }
}
