// A pool's domain as an OpenID provider for openid-client, a relying party that
// is certified by the OpenID Foundation: it checks discovery, state, nonce,
// at_hash, signatures and the subject by itself. The browser between them is a
// fetch with a jar of cookies.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import {
  AdminCreateUserCommand, AdminSetUserPasswordCommand, CreateResourceServerCommand, CreateUserPoolClientCommand, CreateUserPoolDomainCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import * as oidc from 'openid-client';
import { idp, password, url, userPool } from './stack.mjs';

const callback = 'http://localhost:9/callback';
let pool;
let issuer;

// client makes a client of the pool.
async function client(settings) {
  const { UserPoolClient } = await idp.send(new CreateUserPoolClientCommand({
    UserPoolId: pool, ClientName: 'party', SupportedIdentityProviders: ['COGNITO'], AllowedOAuthFlowsUserPoolClient: true,
    AllowedOAuthFlows: ['code'], AllowedOAuthScopes: ['openid', 'email', 'profile'], CallbackURLs: [callback], LogoutURLs: ['http://localhost:9/bye'], ...settings,
  }));
  return UserPoolClient;
}

// party is the relying party of a client. It discovers the rest.
const party = (c, how) => oidc.discovery(issuer, c.ClientId, c.ClientSecret, how ?? (c.ClientSecret ? oidc.ClientSecretBasic(c.ClientSecret) : oidc.None()),
  { execute: [oidc.allowInsecureRequests] });

// browser follows redirects to the callback, and signs in where it is asked to.
function browser(secret = password) {
  const jar = new Map();
  const visit = async (to, init = {}) => {
    const cookie = [...jar].map(([k, v]) => `${k}=${v}`).join('; ');
    const answer = await fetch(to, { ...init, redirect: 'manual', headers: { ...init.headers, cookie } });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
      if (/max-age=0|max-age=-/i.test(line)) jar.delete(name); else jar.set(name, value);
    }
    return answer;
  };
  const hidden = (page, name) => page.match(new RegExp(`name="${name}"[^>]*value="([^"]*)"`))?.[1];
  let asked = 0;
  return {
    asked: () => asked,
    async go(to) {
      for (let n = 0; n < 10; n += 1) {
        if (to.href.startsWith(callback)) return to;
        let answer = await visit(to);
        if (answer.status === 200) {
          const page = await answer.text();
          asked += 1;
          answer = await visit(to, { method: 'POST', body: new URLSearchParams({ _csrf: hidden(page, '_csrf'), username: 'ann', password: secret }) });
        }
        assert.equal(answer.status, 302, `${to} answered ${answer.status}: ${await answer.text()}`);
        to = new URL(answer.headers.get('location'), to);
      }
      throw new Error('too many redirects');
    },
  };
}

// authorize is the way to a code and what the party must remember of it.
async function authorize(config, more = {}) {
  const kept = { pkceCodeVerifier: oidc.randomPKCECodeVerifier(), expectedState: oidc.randomState(), expectedNonce: oidc.randomNonce() };
  const to = oidc.buildAuthorizationUrl(config, {
    redirect_uri: callback, scope: 'openid email', state: kept.expectedState, nonce: kept.expectedNonce,
    code_challenge: await oidc.calculatePKCECodeChallenge(kept.pkceCodeVerifier), code_challenge_method: 'S256', ...more,
  });
  return { to, kept };
}

before(async () => {
  ({ userPoolId: pool } = await userPool());
  issuer = new URL(`${url}/${pool}`);
  await idp.send(new CreateUserPoolDomainCommand({ UserPoolId: pool, Domain: `party-${pool.slice(-9).toLowerCase()}` }));
  await idp.send(new AdminCreateUserCommand({ UserPoolId: pool, Username: 'ann', MessageAction: 'SUPPRESS',
    UserAttributes: [{ Name: 'email', Value: 'ann@example.com' }, { Name: 'email_verified', Value: 'true' }] }));
  await idp.send(new AdminSetUserPasswordCommand({ UserPoolId: pool, Username: 'ann', Password: password, Permanent: true }));
});

for (const [name, settings, how] of [
  ['a public client', {}],
  ['a client with a secret, by basic', { GenerateSecret: true }],
  ['a client with a secret, by post', { GenerateSecret: true }, (c) => oidc.ClientSecretPost(c.ClientSecret)],
]) {
  test(`${name}: code, tokens, userinfo, refresh, revocation`, async () => {
    const c = await client(settings);
    const config = await party(c, how?.(c));
    const { to, kept } = await authorize(config);
    const tokens = await oidc.authorizationCodeGrant(config, await browser().go(to), kept);
    const claims = tokens.claims();
    assert.equal(claims.email, 'ann@example.com');
    assert.equal(claims.email_verified, true);
    assert.equal(claims['cognito:username'], 'ann');
    const info = await oidc.fetchUserInfo(config, tokens.access_token, claims.sub);
    assert.equal(info.email, 'ann@example.com');
    await assert.rejects(oidc.fetchUserInfo(config, tokens.access_token, 'somebody else'), (err) => err.code === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED');
    const fresh = await oidc.refreshTokenGrant(config, tokens.refresh_token);
    assert.equal(fresh.claims().sub, claims.sub);
    await oidc.tokenRevocation(config, tokens.refresh_token);
    await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), (err) => err.error === 'invalid_grant');
    await assert.rejects(oidc.fetchUserInfo(config, fresh.access_token, claims.sub), (err) => err.status === 401 || err.cause?.[0]?.scheme === 'bearer');
  });
}

test('what a relying party must not get', async () => {
  const config = await party(await client({}));
  const { to, kept } = await authorize(config);
  const back = await browser().go(to);
  await assert.rejects(oidc.authorizationCodeGrant(config, back, { ...kept, expectedState: 'another' }), (err) => /state/.test(err.cause?.message));
  await assert.rejects(oidc.authorizationCodeGrant(config, back, { ...kept, pkceCodeVerifier: oidc.randomPKCECodeVerifier() }), (err) => err.error === 'invalid_grant');
  const again = await authorize(config);
  const answer = await browser().go(again.to);
  const tokens = await oidc.authorizationCodeGrant(config, answer, again.kept);
  await assert.rejects(oidc.authorizationCodeGrant(config, answer, again.kept), (err) => err.error === 'invalid_grant');
  await assert.rejects(oidc.refreshTokenGrant(config, tokens.refresh_token), (err) => err.error === 'invalid_grant', 'a code that is used twice ends what it gave');
  const other = await party(await client({}));
  const third = await authorize(config);
  await assert.rejects(oidc.authorizationCodeGrant(other, await browser().go(third.to), third.kept), (err) => err.error === 'invalid_grant');
  const nonce = await authorize(config);
  await assert.rejects(oidc.authorizationCodeGrant(config, await browser().go(nonce.to), { ...nonce.kept, expectedNonce: 'another' }), (err) => err.code === 'OAUTH_JWT_CLAIM_COMPARISON_FAILED');
  await assert.rejects(browser('wrong').go((await authorize(config)).to), /answered 200/);
});

test('one sign-in for all clients, and what prompt asks for', async () => {
  const one = await party(await client({}));
  const two = await party(await client({}));
  const b = browser();
  const none = await authorize(one, { prompt: 'none' });
  await assert.rejects(oidc.authorizationCodeGrant(one, await b.go(none.to), none.kept), (err) => err.error === 'login_required');
  const first = await authorize(one);
  await oidc.authorizationCodeGrant(one, await b.go(first.to), first.kept);
  assert.equal(b.asked(), 1);
  const second = await authorize(two, { prompt: 'none' });
  const tokens = await oidc.authorizationCodeGrant(two, await b.go(second.to), second.kept);
  assert.equal(b.asked(), 1);
  const third = await authorize(two, { prompt: 'login' });
  const anew = await oidc.authorizationCodeGrant(two, await b.go(third.to), { ...third.kept, maxAge: 60 });
  assert.equal(b.asked(), 2);
  assert.equal(anew.claims().sub, tokens.claims().sub);
});

test('a client for itself', async () => {
  await idp.send(new CreateResourceServerCommand({ UserPoolId: pool, Identifier: 'notes', Name: 'notes', Scopes: [{ ScopeName: 'read', ScopeDescription: 'read' }] }));
  const c = await client({ GenerateSecret: true, AllowedOAuthFlows: ['client_credentials'], AllowedOAuthScopes: ['notes/read'], CallbackURLs: undefined, LogoutURLs: undefined });
  const config = await party(c);
  const tokens = await oidc.clientCredentialsGrant(config, { scope: 'notes/read' });
  assert.equal(tokens.scope ?? 'notes/read', 'notes/read');
  assert.equal(tokens.refresh_token, undefined);
  await assert.rejects(oidc.clientCredentialsGrant(config, { scope: 'notes/write' }), (err) => err.error === 'invalid_scope');
  await assert.rejects(oidc.clientCredentialsGrant(await party({ ...c, ClientSecret: 'wrong' })), (err) => err.error === 'invalid_client');
});

for (const [name, settings] of [['a public client', {}], ['a client with a secret', { GenerateSecret: true }]]) {
  test(`${name} that pushes its requests and binds its tokens to a key`, async () => {
    const config = await party(await client(settings));
    const DPoP = oidc.getDPoPHandle(config, await oidc.randomDPoPKeyPair());
    const kept = { pkceCodeVerifier: oidc.randomPKCECodeVerifier(), expectedState: oidc.randomState(), expectedNonce: oidc.randomNonce() };
    const to = await oidc.buildAuthorizationUrlWithPAR(config, {
      redirect_uri: callback, scope: 'openid email', state: kept.expectedState, nonce: kept.expectedNonce,
      code_challenge: await oidc.calculatePKCECodeChallenge(kept.pkceCodeVerifier), code_challenge_method: 'S256',
    }, { DPoP });
    assert.deepEqual([...to.searchParams.keys()].sort(), ['client_id', 'request_uri']);
    const back = await browser().go(to);
    await assert.rejects(oidc.authorizationCodeGrant(config, back, kept), (err) => err.error === 'invalid_grant', 'the code is bound to the key');
    const tokens = await oidc.authorizationCodeGrant(config, back, kept, undefined, { DPoP });
    assert.equal(tokens.token_type, 'dpop');
    const { sub } = tokens.claims();
    const info = await oidc.fetchUserInfo(config, tokens.access_token, sub, { DPoP });
    assert.equal(info.email, 'ann@example.com');
    await assert.rejects(oidc.fetchUserInfo(config, tokens.access_token, sub), (err) => err.status === 401 || /bearer/i.test(JSON.stringify(err.cause)));
    const fresh = await oidc.refreshTokenGrant(config, tokens.refresh_token, undefined, { DPoP });
    assert.equal(fresh.token_type, 'dpop');
  });
}
