// A real issuer for the tests: oidc-provider with RS256 access tokens, and key rotation on demand.
//
// PORT is printed when it listens. POST /rotate puts a new signing key first and keeps the old one
// published; POST /retire drops every key but the newest.
import http from "node:http";
import { exportJWK, generateKeyPair } from "jose";
import { Provider } from "oidc-provider";

let keys = [];
let serial = 0;

async function addKey() {
  const { privateKey } = await generateKeyPair("RS256", { extractable: true });
  serial += 1;
  keys.unshift({ ...(await exportJWK(privateKey)), kid: `key-${serial}`, alg: "RS256", use: "sig" });
}

function provider(issuer) {
  return new Provider(issuer, {
    jwks: { keys },
    clients: [
      {
        client_id: "svc",
        client_secret: "svc-secret-of-the-tests",
        grant_types: ["client_credentials"],
        redirect_uris: [],
        response_types: [],
      },
    ],
    scopes: ["read"],
    features: {
      clientCredentials: { enabled: true },
      devInteractions: { enabled: false },
      resourceIndicators: {
        enabled: true,
        defaultResource: () => "https://backend.example.edu",
        getResourceServerInfo: () => ({
          scope: "read",
          audience: "https://backend.example.edu",
          accessTokenFormat: "jwt",
          accessTokenTTL: 600,
        }),
      },
    },
  });
}

let handler;
await addKey();
const server = http.createServer(async (request, response) => {
  const issuer = `http://127.0.0.1:${server.address().port}`;
  if (request.method === "POST" && (request.url === "/rotate" || request.url === "/retire")) {
    if (request.url === "/rotate") await addKey();
    else keys = keys.slice(0, 1);
    handler = provider(issuer).callback();
    response.end(keys[0].kid);
    return;
  }
  handler ??= provider(issuer).callback();
  handler(request, response);
});
server.listen(0, "127.0.0.1", () => console.log(`PORT ${server.address().port}`));
