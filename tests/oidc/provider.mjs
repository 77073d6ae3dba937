// A real OpenID provider (the certified `oidc-provider`) on this machine, with people and groups.

import { generateKeyPairSync } from "node:crypto";
import { createServer } from "node:http";
import { Provider } from "oidc-provider";

const PEOPLE = {
  anna: { email: "anna@example.com", email_verified: true, groups: ["owners", "readers"] },
  bert: { email: "bert@example.com", email_verified: true, groups: ["readers"] },
  carl: { email: "carl@elsewhere.example", email_verified: true, groups: [] },
  dora: { email: "dora@example.com", email_verified: false, groups: [] },
};

export const SECRET = "the collector's secret: & % +";

const key = (kind, id) => {
  const options = kind === "rsa" ? { modulusLength: 2048 } : { namedCurve: "P-256" };
  const { privateKey } = generateKeyPairSync(kind, options);
  return { ...privateKey.export({ format: "jwk" }), kid: id, use: "sig", alg: kind === "rsa" ? "RS256" : "ES256" };
};

/// Starts a provider on `port` (0: a free one) for a collector at `redirect`. `groupsInToken` says whether the claims are in the id token or in userinfo alone.
export async function startProvider({ port = 0, redirect, keys = [key("rsa", `k${Date.now()}`)], groupsInToken = true, algorithm = "RS256" }) {
  const server = createServer();
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  const issuer = `http://127.0.0.1:${server.address().port}`;
  const provider = new Provider(issuer, {
    clients: [{
      client_id: "headcount", client_secret: SECRET, redirect_uris: [redirect], response_types: ["code"], grant_types: ["authorization_code"],
      id_token_signed_response_alg: algorithm,
    }],
    claims: { openid: ["sub"], email: ["email", "email_verified"], profile: ["groups"] },
    conformIdTokenClaims: !groupsInToken,
    pkce: { required: () => true, methods: ["S256"] },
    jwks: { keys },
    cookies: { keys: ["not a secret"] },
    features: { devInteractions: { enabled: true } },
    findAccount: (_, id) => ({ accountId: id, claims: async () => ({ sub: id, ...PEOPLE[id] }) }),
  });
  const silent = () => {};
  provider.on("server_error", (_, error) => console.error(error));
  server.on("request", provider.callback());
  return { issuer, port: server.address().port, stop: () => new Promise((resolve) => { server.closeAllConnections(); server.close(resolve); silent(); }) };
}
export { key };
