// Judges tokens by a library of npm: node judge.mjs LIBRARY TOKENS VERDICTS
//
// TOKENS is a JSON file: a list of {form, configured, keys, tokens}, where tokens is a list of
// {name, token, options}. VERDICTS becomes one of {form: {name: why it is refused, or null}}.
import { readFileSync, writeFileSync } from "node:fs";

// Its own fetcher speaks HTTPS alone; the README shows how to give it another.
const fetcher = {
  async fetch(uri) {
    const response = await fetch(uri);
    if (!response.ok) throw new Error(`status ${response.status}`);
    return Buffer.from(await response.arrayBuffer());
  },
};

// Each makes a function that returns where a token is good, and throws where it is not.
const libraries = {
  async jose({ configured, keys }) {
    const { createLocalJWKSet, createRemoteJWKSet, jwtVerify } = await import("jose");
    const found = keys.url ? createRemoteJWKSet(new URL(keys.url)) : createLocalJWKSet(keys.jwks);
    return (token, options) => jwtVerify(token, found, { ...configured, ...options });
  },

  async "aws-jwt-verify"({ configured, keys }) {
    const { AlbJwtVerifier, JwtVerifier } = await import("aws-jwt-verify");
    const { AlbJwksCache } = await import("aws-jwt-verify/alb-cache");
    const { SimpleJwksCache } = await import("aws-jwt-verify/jwk");
    const ofALB = configured.albArn !== undefined;
    const jwksCache = ofALB ? new AlbJwksCache({ fetcher }) : new SimpleJwksCache({ fetcher });
    const properties = { ...configured, jwksUri: keys.url };
    const verifier = (ofALB ? AlbJwtVerifier : JwtVerifier).create(properties, { jwksCache });
    return (token) => verifier.verify(token);
  },
};

const [library, tokens, verdicts] = process.argv.slice(2);
const judged = {};
for (const job of JSON.parse(readFileSync(tokens, "utf8"))) {
  const verify = await libraries[library](job);
  const ofForm = (judged[job.form] = {});
  for (const { name, token, options } of job.tokens) {
    try {
      await verify(token, options);
      ofForm[name] = null;
    } catch (error) {
      ofForm[name] = String(error);
    }
  }
}
writeFileSync(verdicts, JSON.stringify(judged));
