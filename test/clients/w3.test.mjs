// W3: a page on S3, the implicit grant with a sign-up on the way, and a parameter
// read with AWS's SDK v3. The browser is a fetch with a jar of cookies; a real one
// walks through the same pages in pages_test.go.
import assert from 'node:assert/strict';
import http from 'node:http';
import { before, test } from 'node:test';
import { CreateUserPoolDomainCommand } from '@aws-sdk/client-cognito-identity-provider';
import { CognitoIdentityClient, GetIdCommand } from '@aws-sdk/client-cognito-identity';
import { PutBucketPolicyCommand } from '@aws-sdk/client-s3';
import { GetParameterCommand, GetParametersCommand, PutParameterCommand, SSMClient } from '@aws-sdk/client-ssm';
import { fromCognitoIdentityPool } from '@aws-sdk/credential-providers';
import { account, bucket, code, identityPool, password, refused, region, s3, url, userPool, v3, idp } from './stack.mjs';

const home = `https://s3-${region}.amazonaws.com/fa-012`;
const mail = 'mio@example.com';
let stack;
let domain;
let query;

before(async () => {
  stack = await userPool({
    UsernameAttributes: ['email'], Schema: [{ Name: 'name', Required: true, Mutable: true }, { Name: 'email', Required: true, Mutable: true }],
  }, {
    AllowedOAuthFlowsUserPoolClient: true, AllowedOAuthFlows: ['implicit'], AllowedOAuthScopes: ['openid', 'profile'], SupportedIdentityProviders: ['COGNITO'],
    CallbackURLs: [`${home}/signin.html`], LogoutURLs: [`${home}/signout.html`],
  });
  await idp.send(new CreateUserPoolDomainCommand({ UserPoolId: stack.userPoolId, Domain: 'fa-012' }));
  domain = `${url}/${stack.userPoolId}`;
  query = new URLSearchParams({ response_type: 'token', client_id: stack.clientId, redirect_uri: `${home}/signin.html` });
  Object.assign(stack, await identityPool(stack, 'fa012', [
    { Effect: 'Allow', Action: 'ssm:GetParameter', Resource: `arn:aws:ssm:${region}:${account}:parameter/fa-012-authenticated` },
  ]));
  const ssm = new SSMClient(v3);
  await ssm.send(new PutParameterCommand({ Name: 'fa-012-authenticated', Value: 'Authenticated', Type: 'String' }));
  await ssm.send(new PutParameterCommand({ Name: 'fa-012-secret', Value: 'secret', Type: 'String' }));
  await bucket('fa-012', { 'index.html': '<!doctype html><title>fa-012</title>' });
  await s3.send(new PutBucketPolicyCommand({ Bucket: 'fa-012', Policy: JSON.stringify({
    Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: 'arn:aws:s3:::fa-012/*' }] }) }));
});

// browser keeps cookies and follows nothing.
function browser() {
  const jar = new Map();
  return async (to, form) => {
    const answer = await fetch(to, {
      method: form ? 'POST' : 'GET', body: form && new URLSearchParams(form), redirect: 'manual', headers: { cookie: [...jar].map(([k, v]) => `${k}=${v}`).join('; ') },
    });
    for (const line of answer.headers.getSetCookie()) {
      const [, name, value] = line.match(/^([^=]+)=([^;]*)/);
      jar.set(name, value);
    }
    return { status: answer.status, location: answer.headers.get('location'), text: await answer.text() };
  };
}

// fields are the hidden fields of a page's form, and where it goes.
function form(page) {
  const unescape = (text) => text.replaceAll('&amp;', '&').replaceAll('&#43;', '+').replaceAll('&#34;', '"');
  const fields = {};
  for (const [, name, value] of page.text.matchAll(/<input type="hidden" name="([^"]*)" value="([^"]*)"/g)) fields[name] = unescape(value);
  return { fields, action: new URL(unescape(page.text.match(/<form[^>]* action="([^"]*)"/)[1]), url).href };
}

test('the page is there for everybody, by the name with a dash', async () => {
  const { hostname, port } = new URL(url);
  const get = (path) => new Promise((resolve, reject) => {
    http.get({ host: hostname, port, path, headers: { host: `s3-${region}.localhost:${port}` } }, (answer) => {
      let text = '';
      answer.on('data', (chunk) => { text += chunk; });
      answer.on('end', () => resolve({ status: answer.statusCode, text }));
    }).on('error', reject);
  });
  const page = await get('/fa-012/index.html');
  assert.equal(page.status, 200);
  assert.match(page.text, /fa-012/);
  assert.equal((await get('/fa-012/')).status, 403); // the policy allows no listing
});

test('sign-up, tokens in the fragment, the parameter, and sign-out', async () => {
  const open = browser();
  let page = await open(`${domain}/login?${query}`);
  assert.equal(page.status, 200);
  page = await open(`${domain}/signup?${query}`);
  let { fields, action } = form(page);
  page = await open(action, { ...fields, username: mail, password, 'requiredAttributes[name]': 'Mio' });
  assert.match(page.text, /We sent a code/);
  ({ fields, action } = form(page));
  page = await open(action, { ...fields, code: await code(mail) });
  assert.equal(page.status, 302, page.text);
  const to = new URL(page.location);
  assert.equal(to.origin + to.pathname, `${home}/signin.html`);
  const got = new URLSearchParams(to.hash.slice(1));
  assert.equal(got.get('token_type'), 'Bearer');
  assert.equal(got.get('expires_in'), '3600');
  assert.ok(got.get('access_token'));
  assert.equal(got.get('refresh_token'), null);
  const idToken = got.get('id_token');
  assert.equal(JSON.parse(Buffer.from(idToken.split('.')[1], 'base64url')).name, 'Mio');

  const credentials = fromCognitoIdentityPool({ identityPoolId: stack.identityPoolId, logins: { [stack.provider]: idToken }, clientConfig: { region, endpoint: url } });
  const ssm = new SSMClient({ region, endpoint: url, credentials, maxAttempts: 1 });
  const { Parameter } = await ssm.send(new GetParameterCommand({ Name: 'fa-012-authenticated' }));
  assert.equal(Parameter.Value, 'Authenticated');
  assert.equal(Parameter.Type, 'String');
  assert.equal(Parameter.Version, 1);
  assert.equal(Parameter.DataType, 'text');
  await refused(ssm.send(new GetParameterCommand({ Name: 'fa-012-secret' })), 'AccessDeniedException');
  await refused(ssm.send(new GetParameterCommand({ Name: 'fa-012-none' })), 'AccessDeniedException');
  await refused(ssm.send(new GetParametersCommand({ Names: ['fa-012-authenticated'] })), 'AccessDeniedException');
  await refused(ssm.send(new PutParameterCommand({ Name: 'fa-012-authenticated', Value: 'x', Overwrite: true })), 'AccessDeniedException');

  const out = await open(`${domain}/logout?${new URLSearchParams({ response_type: 'token', client_id: stack.clientId, logout_uri: `${home}/signout.html` })}`);
  assert.equal(out.status, 302);
  assert.equal(out.location, `${home}/signout.html`);
  assert.equal((await open(`${domain}/login?${query}`)).status, 200); // asked again
});

test('what is refused', async () => {
  const anyone = new CognitoIdentityClient({ region, endpoint: url, maxAttempts: 1, credentials: { accessKeyId: 'none', secretAccessKey: 'none' } });
  // The page that is opened without a fragment has no token.
  for (const Logins of [{ [stack.provider]: null }, {}, undefined]) {
    await assert.rejects(anyone.send(new GetIdCommand({ IdentityPoolId: stack.identityPoolId, Logins })), (err) => err.$metadata.httpStatusCode >= 400 && err.$metadata.httpStatusCode < 500);
  }
  const open = browser();
  const asked = (changes) => new URLSearchParams({ ...Object.fromEntries(query), ...changes });
  const code = await open(`${domain}/login?${asked({ response_type: 'code' })}`);
  assert.equal(code.status, 302);
  assert.equal(new URL(code.location).searchParams.get('error'), 'unauthorized_client');
  const elsewhere = await open(`${domain}/login?${asked({ redirect_uri: `${home}/other.html` })}`);
  assert.equal(elsewhere.status, 400);
  assert.equal(elsewhere.location, null);
});
