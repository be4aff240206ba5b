/* Solves ALTCHA's challenge (altcha.org, PBKDF2) in the browser's own cryptography, which works beside the page. What
   is handed out is a function: call it when somebody begins to write, and again for the solution. It is empty where
   the browser has no cryptography (a page without TLS) or we cannot be reached. */
const AT_ONCE = 8;

const pause = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const hex = (buffer) => Array.from(new Uint8Array(buffer), (byte) => byte.toString(16).padStart(2, "0")).join("");
const bytes = (text) => text.match(/../g).map((pair) => parseInt(pair, 16));

const solve = async ({ nonce, salt, cost, keyLength, keyPrefix }) => {
  const derivation = { name: "PBKDF2", hash: "SHA-256", salt: Uint8Array.from(bytes(salt)), iterations: cost };
  const derive = async (counter) => {
    const password = Uint8Array.from([...bytes(nonce), counter >>> 24, counter >>> 16, counter >>> 8, counter]);
    const key = await crypto.subtle.importKey("raw", password, "PBKDF2", false, ["deriveBits"]);
    return hex(await crypto.subtle.deriveBits(derivation, key, keyLength * 8));
  };
  for (let counter = 0; ; counter += AT_ONCE) {
    const keys = await Promise.all(Array.from({ length: AT_ONCE }, (_, step) => derive(counter + step)));
    const found = keys.findIndex((key) => key.startsWith(keyPrefix));
    if (found >= 0) return { counter: counter + found, derivedKey: keys[found] };
  }
};

const prove = async (url) => {
  const response = await fetch(url, { credentials: "omit" });
  const challenge = await response.json();
  const came = performance.now(); // the server counts from when it made the challenge, which is before that
  const { parameters } = challenge;
  const solution = await solve(parameters);
  await pause(parameters.data.wait * 1000 - (performance.now() - came));
  return btoa(JSON.stringify({ challenge, solution }));
};

export const prover = (url) => {
  let proof;
  let until = 0;
  return (afresh = false) => {
    const now = performance.now();
    if (afresh || now > until) {
      until = now + 3600_000;
      proof = prove(url).catch(() => ((until = 0), ""));
    }
    return proof;
  };
};
