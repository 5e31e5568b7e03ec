// W2 from its third step in Node: AWS's SDK v3 gets the credentials, aws4, with
// which Postman signs, asks S3.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import http from 'node:http';
import { before, test } from 'node:test';
import aws4 from 'aws4';
import {
  AdminConfirmSignUpCommand, InitiateAuthCommand, SignUpCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import {
  CognitoIdentityClient, GetCredentialsForIdentityCommand, GetIdCommand,
} from '@aws-sdk/client-cognito-identity';
import { fromCognitoIdentityPool } from '@aws-sdk/credential-providers';
import { GetObjectCommand, ListBucketsCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
import { account, bucket, identityPool, idp, password, refused, region, s3, url, userPool } from './stack.mjs';

const anyone = new CognitoIdentityClient({ region, endpoint: url, maxAttempts: 1, credentials: { accessKeyId: 'none', secretAccessKey: 'none' } });
const secretHash = (name) => createHmac('sha256', stack.clientSecret).update(name + stack.clientId).digest('base64');
let stack;

async function tokens(name) {
  const { AuthenticationResult } = await idp.send(new InitiateAuthCommand({
    ClientId: stack.clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: name, PASSWORD: password, SECRET_HASH: secretHash(name) },
  }));
  return AuthenticationResult;
}
const logins = (idToken) => ({ [stack.provider]: idToken });

before(async () => {
  stack = await userPool({ AliasAttributes: ['email'] }, { GenerateSecret: true, ExplicitAuthFlows: ['ALLOW_USER_PASSWORD_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'] });
  Object.assign(stack, await identityPool(stack, 'Postman', [
    { Effect: 'Allow', Action: 'cognito-identity:GetCredentialsForIdentity', Resource: '*' },
    { Effect: 'Allow', Action: ['s3:ListBucket', 's3:GetObject'], Resource: ['arn:aws:s3:::w2-node', 'arn:aws:s3:::w2-node/*'] },
  ]));
  await bucket('w2-node', { 'a//b/../c d+e%.txt': 'odd', 'hello.txt': 'hello' });
  for (const name of ['ann', 'bob']) {
    await idp.send(new SignUpCommand({ ClientId: stack.clientId, Username: name, Password: password, SecretHash: secretHash(name), UserAttributes: [{ Name: 'email', Value: `${name}@example.com` }] }));
    await idp.send(new AdminConfirmSignUpCommand({ UserPoolId: stack.userPoolId, Username: name }));
  }
});

// signed is a GET as Postman sends it. The host is S3's own name; the
// connection goes to the server.
function signed(path, credentials, { host = `s3.${region}.localhost`, ...more } = {}) {
  const { hostname, port } = new URL(url);
  const request = aws4.sign({ service: 's3', region, method: 'GET', host: `${host}:${port}`, path, headers: { Accept: '*/*', 'Cache-Control': 'no-cache' }, ...more }, credentials);
  return new Promise((resolve, reject) => {
    http.request({ method: request.method, headers: request.headers, path: request.path, host: hostname, port }, (answer) => {
      let body = '';
      answer.on('data', (chunk) => { body += chunk; });
      answer.on('end', () => resolve({ status: answer.statusCode, body }));
    }).on('error', reject).end(request.body);
  });
}

test('get-id, get-credentials-for-identity, and S3 with aws4', async () => {
  const ann = await tokens('ann');
  const getId = (AccountId) => anyone.send(new GetIdCommand({ AccountId, IdentityPoolId: stack.identityPoolId, Logins: logins(ann.IdToken) }));
  const { IdentityId } = await getId(account);
  assert.equal((await getId(account)).IdentityId, IdentityId);
  await refused(getId('123456789012'), 'NotAuthorizedException');
  const { Credentials: c } = await anyone.send(new GetCredentialsForIdentityCommand({ IdentityId, Logins: logins(ann.IdToken) }));
  assert.ok(c.Expiration instanceof Date);
  const keys = { accessKeyId: c.AccessKeyId, secretAccessKey: c.SecretKey, sessionToken: c.SessionToken };

  for (const [path, options, what] of [
    ['/w2-node', {}, 'hello.txt'],
    ['/w2-node?list-type=2&prefix=hello', {}, 'hello.txt'],
    ['/', { host: `w2-node.s3.${region}.localhost` }, 'hello.txt'],
    ['/w2-node/hello.txt', {}, 'hello'],
    ['/w2-node/a//b/../c%20d%2Be%25.txt', {}, 'odd'],
  ]) {
    const answer = await signed(path, keys, options);
    assert.equal(answer.status, 200, `${path}: ${answer.body}`);
    assert.ok(answer.body.includes(what), `${path}: ${answer.body}`);
  }
  const denied = await signed('/', keys);
  assert.equal(denied.status, 403);
  assert.match(denied.body, /<Code>AccessDenied<\/Code>.*s3:ListAllMyBuckets/);
  for (const [change, codeName, status] of [
    [{ secretAccessKey: `x${keys.secretAccessKey.slice(1)}` }, 'SignatureDoesNotMatch', 403],
    [{ sessionToken: `x${keys.sessionToken.slice(1)}` }, 'InvalidToken', 400],
    [{ sessionToken: undefined }, 'InvalidAccessKeyId', 403],
    [{ accessKeyId: 'ASIAAAAAAAAAAAAAAAAA' }, 'InvalidToken', 400],
  ]) {
    const answer = await signed('/w2-node', { ...keys, ...change });
    assert.equal(answer.status, status, answer.body);
    assert.ok(answer.body.includes(`<Code>${codeName}</Code>`), answer.body);
  }
  const another = await signed('/w2-node/secret', keys, { region: 'eu-west-1' });
  assert.notEqual(another.status, 200);

  await refused(anyone.send(new GetCredentialsForIdentityCommand({ IdentityId })), 'NotAuthorizedException', `Access to Identity '${IdentityId}' is forbidden.`);
  const bob = await tokens('bob');
  await refused(anyone.send(new GetCredentialsForIdentityCommand({ IdentityId, Logins: logins(bob.IdToken) })), 'NotAuthorizedException', /^Logins don't match\./);
});

test('fromCognitoIdentityPool', async () => {
  const ann = await tokens('ann');
  const provider = (Logins) => fromCognitoIdentityPool({ identityPoolId: stack.identityPoolId, logins: Logins, clientConfig: { region, endpoint: url, maxAttempts: 1 } });
  const client = new S3Client({ region, endpoint: url, forcePathStyle: true, maxAttempts: 1, credentials: provider(logins(ann.IdToken)) });
  const { Contents } = await client.send(new ListObjectsV2Command({ Bucket: 'w2-node' }));
  assert.deepEqual(Contents.map((o) => o.Key), ['a//b/../c d+e%.txt', 'hello.txt']);
  const { Body } = await client.send(new GetObjectCommand({ Bucket: 'w2-node', Key: 'hello.txt' }));
  assert.equal(await Body.transformToString(), 'hello');
  await refused(client.send(new PutObjectCommand({ Bucket: 'w2-node', Key: 'mine', Body: 'x' })), 'AccessDenied', /s3:PutObject/);
  await refused(client.send(new ListBucketsCommand({})), 'AccessDenied', /s3:ListAllMyBuckets/);
  const { Arn } = await new STSClient({ region, endpoint: url, maxAttempts: 1, credentials: provider(logins(ann.IdToken)) }).send(new GetCallerIdentityCommand({}));
  assert.equal(Arn, `arn:aws:sts::${account}:assumed-role/${stack.roleName}/CognitoIdentityCredentials`);
  for (const wrong of [undefined, {}]) {
    await refused(provider(wrong)(), 'NotAuthorizedException', 'Unauthenticated access is not supported for this identity pool.');
  }
});

test('uploads as the SDK v3 sends them: chunked, with checksums', async () => {
  const text = 'gatehouse '.repeat(300_000);
  for (const ChecksumAlgorithm of [undefined, 'CRC32', 'CRC32C', 'SHA1', 'SHA256']) {
    await s3.send(new PutObjectCommand({ Bucket: 'w2-node', Key: 'big', Body: text, ChecksumAlgorithm }));
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: 'w2-node', Key: 'big', ChecksumMode: 'ENABLED' }));
    assert.equal(await Body.transformToString(), text, `${ChecksumAlgorithm}`);
  }
});

test('the secret of the client', async () => {
  const attempt = (hash) => idp.send(new InitiateAuthCommand({
    ClientId: stack.clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: 'ann', PASSWORD: password, ...(hash && { SECRET_HASH: hash }) },
  }));
  await refused(attempt(), 'NotAuthorizedException', `Client ${stack.clientId} is configured with secret but SECRET_HASH was not received`);
  await refused(attempt(secretHash('bob')), 'NotAuthorizedException', `SecretHash does not match for the client: ${stack.clientId}`);
  assert.ok((await attempt(secretHash('ann'))).AuthenticationResult.AccessToken);
});
