// W1 in Node: amazon-cognito-identity-js signs up and in, AWS's SDK v2 trades
// the ID token for credentials and lists the bucket.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import cognito from 'amazon-cognito-identity-js';
import AWS from 'aws-sdk';
import { DetachRolePolicyCommand } from '@aws-sdk/client-iam';
import { AdminGetUserCommand } from '@aws-sdk/client-cognito-identity-provider';
import {
  account, advance, allowS3, bucket, code, iam, identityPool, idp, password, refused, region, s3FullAccess, url, userPool,
} from './stack.mjs';

const { AuthenticationDetails, CognitoRefreshToken, CognitoUser, CognitoUserAttribute, CognitoUserPool } = cognito;
const incorrect = 'Incorrect username or password.';
let stack, pool;

// The library's callbacks as promises.
const call = (start) => new Promise((resolve, reject) => start((err, result) => (err ? reject(err) : resolve(result))));
const user = (name) => new CognitoUser({ Username: name, Pool: pool });
const signUp = (name) => call((done) => pool.signUp(name, password, [new CognitoUserAttribute({ Name: 'email', Value: `${name}@example.com` })], null, done));
const confirm = (name, text) => call((done) => user(name).confirmRegistration(text, true, done));
const signIn = (name, secret, u = user(name)) => new Promise((resolve, reject) => u.authenticateUser(
  new AuthenticationDetails({ Username: name, Password: secret }),
  { onSuccess: resolve, onFailure: reject, newPasswordRequired: (attributes, required) => resolve({ newPassword: { attributes, required } }) },
));

before(async () => {
  stack = await userPool({ Schema: [{ Name: 'email', Required: true }] });
  Object.assign(stack, await identityPool(stack, 'MSNIdentityPool'));
  await allowS3(stack.roleName);
  await bucket('w1-node', { 'index.html': '<!doctype html>', 'script/app.js': '// app' });
  pool = new CognitoUserPool({ UserPoolId: stack.userPoolId, ClientId: stack.clientId, endpoint: url });
  AWS.config.update({ region, maxRetries: 0, cognitoidentity: { endpoint: url }, sts: { endpoint: url } });
});

const credentials = (idToken, more = {}) => new AWS.CognitoIdentityCredentials({
  IdentityPoolId: stack.identityPoolId, Logins: { [stack.provider]: idToken }, ...more,
});
const list = (c) => new AWS.S3({ credentials: c, endpoint: url, s3ForcePathStyle: true, region }).listObjects({ Bucket: 'w1-node' }).promise();

test('sign-up, code, confirmation', async () => {
  const { user: u, userConfirmed, userSub, codeDeliveryDetails } = await signUp('ann');
  assert.equal(u.getUsername(), 'ann');
  assert.equal(userConfirmed, false);
  assert.match(userSub, /^[0-9a-f-]{36}$/);
  assert.deepEqual(codeDeliveryDetails, { AttributeName: 'email', DeliveryMedium: 'EMAIL', Destination: 'a***@e***' });
  await refused(signUp('ann'), 'UsernameExistsException', 'User already exists');
  await refused(signIn('ann', password), 'UserNotConfirmedException', 'User is not confirmed.');
  const sent = await code('ann@example.com');
  const other = (sent[0] === '0' ? '1' : '0') + sent.slice(1);
  await refused(confirm('ann', other), 'CodeMismatchException', 'Invalid verification code provided, please try again.');
  assert.equal(await confirm('ann', sent), 'SUCCESS');
  await refused(confirm('ann', sent), 'NotAuthorizedException', 'User cannot be confirmed. Current status is CONFIRMED');
  await refused(call((done) => pool.signUp('bob', 'weak', [new CognitoUserAttribute({ Name: 'email', Value: 'bob@example.com' })], null, done)), 'InvalidPasswordException');
});

test('SRP, session, refresh, attributes, sign-out', async () => {
  await refused(signIn('ann', 'Wrong-Password-0'), 'NotAuthorizedException', incorrect);
  await refused(signIn('nobody', password), 'UserNotFoundException', 'User does not exist.');
  const u = user('ann');
  const session = await signIn('ann', password, u);
  assert.ok(session.isValid());
  assert.equal(session.getIdToken().payload.email, 'ann@example.com');
  assert.equal(session.getIdToken().payload.email_verified, true);
  assert.equal(session.getIdToken().payload.aud, stack.clientId);

  // Reload: the stored session, or a new one by the refresh token.
  const again = pool.getCurrentUser();
  assert.equal(again.getUsername(), 'ann');
  const stored = await call((done) => again.getSession(done));
  assert.equal(stored.getAccessToken().getJwtToken(), session.getAccessToken().getJwtToken());
  const fresh = await call((done) => u.refreshSession(session.getRefreshToken(), done));
  assert.ok(fresh.isValid());
  assert.equal(fresh.getIdToken().payload.origin_jti, session.getIdToken().payload.origin_jti);
  await refused(call((done) => u.refreshSession(new CognitoRefreshToken({ RefreshToken: 'x' }), done)), 'NotAuthorizedException', /^Invalid Refresh Token/);

  await call((done) => u.updateAttributes([new CognitoUserAttribute({ Name: 'name', Value: 'Ann' })], done));
  const attributes = await call((done) => u.getUserAttributes(done));
  assert.equal(attributes.find((a) => a.getName() === 'name').getValue(), 'Ann');
  await call((done) => u.changePassword(password, 'Battery-Staple-8', done));
  await refused(signIn('ann', password), 'NotAuthorizedException', incorrect);

  await new Promise((resolve, reject) => user('ann').forgotPassword({ onSuccess: resolve, onFailure: reject }));
  const sent = await code('ann@example.com');
  await new Promise((resolve, reject) => user('ann').confirmPassword(sent, password, { onSuccess: resolve, onFailure: reject }));
  const last = user('ann');
  const before = await signIn('ann', password, last);
  await new Promise((resolve, reject) => last.globalSignOut({ onSuccess: resolve, onFailure: reject }));
  await refused(call((done) => user('ann').refreshSession(before.getRefreshToken(), done)), 'NotAuthorizedException', 'Refresh Token has been revoked');
});

test('an invited user chooses a password', async () => {
  const { AdminCreateUserCommand } = await import('@aws-sdk/client-cognito-identity-provider');
  await idp.send(new AdminCreateUserCommand({
    UserPoolId: stack.userPoolId, Username: 'guest', DesiredDeliveryMediums: ['EMAIL'],
    UserAttributes: [{ Name: 'email', Value: 'guest@example.com' }, { Name: 'email_verified', Value: 'true' }],
  }));
  const u = user('guest');
  const { newPassword } = await signIn('guest', await code('guest@example.com'), u);
  assert.equal(newPassword.attributes.email, 'guest@example.com');
  assert.deepEqual(newPassword.required, []);
  const session = await new Promise((resolve, reject) => u.completeNewPasswordChallenge(password, {}, { onSuccess: resolve, onFailure: reject }));
  assert.ok(session.isValid());
  const { UserStatus } = await idp.send(new AdminGetUserCommand({ UserPoolId: stack.userPoolId, Username: 'guest' }));
  assert.equal(UserStatus, 'CONFIRMED');
});

test('credentials, and the list of the bucket', async () => {
  const session = await signIn('ann', password);
  const idToken = session.getIdToken().getJwtToken();
  const c = credentials(idToken);
  await c.getPromise();
  assert.match(c.accessKeyId, /^ASIA/);
  const { Contents } = await list(c);
  assert.deepEqual(Contents.map((o) => o.Key), ['index.html', 'script/app.js']);
  const { Arn } = await new AWS.STS({ credentials: c }).getCallerIdentity().promise();
  assert.equal(Arn, `arn:aws:sts::${account}:assumed-role/${stack.roleName}/CognitoIdentityCredentials`);

  const second = credentials(idToken);
  await second.getPromise();
  assert.equal(second.identityId, c.identityId);

  // With RoleArn the SDK takes the classic flow: GetOpenIdToken, STS.
  const classic = credentials(idToken, { RoleArn: stack.roleArn });
  await classic.getPromise();
  assert.equal((await list(classic)).Contents.length, 2);

  await refused(credentials(session.getAccessToken().getJwtToken()).getPromise(), 'NotAuthorizedException', 'Invalid login token. Missing a required claim: aud');
  await refused(new AWS.CognitoIdentityCredentials({ IdentityPoolId: stack.identityPoolId }).getPromise(), 'NotAuthorizedException', 'Unauthenticated access is not supported for this identity pool.');
  const forged = new AWS.Credentials({ accessKeyId: c.accessKeyId, secretAccessKey: `x${c.secretAccessKey.slice(1)}`, sessionToken: c.sessionToken });
  await refused(list(forged), 'SignatureDoesNotMatch');

  await iam.send(new DetachRolePolicyCommand({ RoleName: stack.roleName, PolicyArn: s3FullAccess }));
  await refused(list(c), 'AccessDenied', /is not authorized to perform: s3:ListBucket on resource: "arn:aws:s3:::w1-node"/);
  await allowS3(stack.roleName);

  // After an hour both the token and the credentials are worth nothing. The
  // SDK would correct its clock by the answer; it must not help.
  await advance('61m');
  await refused(credentials(idToken).getPromise(), 'NotAuthorizedException', /^Invalid login token\. Token expired: /);
});
