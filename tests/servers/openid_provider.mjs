// A real OpenID provider for the tests: `node openid_provider.mjs PORT`, on loopback only; REDIRECT_URIS names who may
// be sent back to. People sign in by naming themselves (`?as=`); acr and amr come from the environment.
import { generateKeyPairSync } from "node:crypto";

import Provider from "oidc-provider";

const port = Number(process.argv[2]);
const issuer = `http://127.0.0.1:${port}`;
const redirect = process.env.REDIRECT_URIS.split(" ");
const amr = (process.env.AMR || "").split(" ").filter(Boolean);
const acr = process.env.ACR || undefined;

// A key of its own at each start: whoever restarts it sees a provider that rotated its keys.
const key = generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ format: "jwk" });

const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "bedrail",
      client_secret: "a secret of the tests, forty characters long",
      redirect_uris: redirect,
      post_logout_redirect_uris: redirect.map((uri) => uri.replace("/sign-in/returned", "/sign-in")),
      grant_types: ["authorization_code"],
      response_types: ["code"],
      token_endpoint_auth_method: "client_secret_basic",
    },
  ],
  jwks: { keys: [{ ...key, use: "sig", alg: "RS256" }] },
  cookies: { keys: ["only for tests"] },
  pkce: { required: () => true },
  claims: { openid: ["sub", "acr", "amr", "auth_time"] },
  conformIdTokenClaims: false,
  features: { devInteractions: { enabled: false }, rpInitiatedLogout: { enabled: true } },
  interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  ttl: { Session: 3600, Grant: 3600, Interaction: 600, IdToken: 300, AccessToken: 300 },
});

// The sign-in page itself: whoever is named in the query signs in at once, and everything asked for is granted.
provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith("/interaction/")) {
    await next();
    return;
  }
  const details = await provider.interactionDetails(ctx.req, ctx.res);
  const accountId = ctx.query.as || details.session?.accountId;
  if (!accountId) {
    ctx.body = "Who are you?";
    return;
  }
  const grant = new provider.Grant({ accountId, clientId: details.params.client_id });
  grant.addOIDCScope("openid");
  const login = { accountId, acr, amr: amr.length ? amr : undefined };
  const consent = { grantId: await grant.save() };
  await provider.interactionFinished(ctx.req, ctx.res, { login, consent }, { mergeWithLastSubmission: false });
  ctx.respond = false;
});

const server = provider.listen(port, "127.0.0.1", () => console.log("listening"));
process.on("SIGTERM", () => server.close(() => process.exit(0)));
