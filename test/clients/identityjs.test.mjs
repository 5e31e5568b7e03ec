// amazon-cognito-identity-js, the library of Amplify before version 6 and of
// many pages: every callback of a sign-in that it knows, devices, refresh, and
// for each a refusal.
import assert from 'node:assert/strict';
import { before, beforeEach, test } from 'node:test';
import { AdminCreateUserCommand } from '@aws-sdk/client-cognito-identity-provider';
import cognito from 'amazon-cognito-identity-js';
import { lambdaConfig, serveFunctions, sum } from './functions.mjs';
import {
  altered, code, factors, idp, messages, nextTotp, password, person, refused, totp, url, userPool,
} from './stack.mjs';

const { AuthenticationDetails, CognitoRefreshToken, CognitoUser, CognitoUserAttribute, CognitoUserPool } = cognito;
const incorrect = 'Incorrect username or password.';
const phone = '+12065550100';
let stack, browser;

// memory is a browser's storage: what is not there is null.
function memory() {
  const kept = new Map();
  return {
    setItem: (key, value) => { kept.set(key, value); },
    getItem: (key) => kept.get(key) ?? null,
    removeItem: (key) => { kept.delete(key); },
    clear: () => kept.clear(),
  };
}

async function app(pool, client) {
  stack = await userPool(pool, { ExplicitAuthFlows: ['ALLOW_USER_SRP_AUTH', 'ALLOW_USER_PASSWORD_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'], ...client });
  return stack;
}

const pool = () => new CognitoUserPool({ UserPoolId: stack.userPoolId, ClientId: stack.clientId, endpoint: url, Storage: browser });

// user is somebody at the browser, who has done nothing yet.
function user(name, flow) {
  const u = new CognitoUser({ Username: name, Pool: pool(), Storage: browser });
  if (flow) u.setAuthenticationFlowType(flow);
  return u;
}

// call is for methods that take a function of an error and a result; steps for
// those that take an object of functions. A step resolves with its callback's
// name and arguments.
const call = (start) => new Promise((resolve, reject) => start((err, result) => (err ? reject(err) : resolve(result))));
const steps = (start) => new Promise((resolve, reject) => {
  const callbacks = { onFailure: reject };
  for (const step of ['onSuccess', 'mfaRequired', 'totpRequired', 'selectMFAType', 'mfaSetup', 'newPasswordRequired', 'customChallenge', 'associateSecretCode', 'inputVerificationCode']) {
    callbacks[step] = (...args) => resolve({ step, args });
  }
  start(callbacks);
});

const begin = (u, secret = password) => steps((done) => u.authenticateUser(new AuthenticationDetails({ Username: u.getUsername(), Password: secret }), done));

// asks wants a step, and returns what its callback got.
async function asks(promise, want) {
  const { step, args } = await promise;
  assert.equal(step, want);
  return args;
}

// done wants a sign-in to end, and returns the session.
async function done(promise, name) {
  const [session] = await asks(promise, 'onSuccess');
  assert.ok(session.isValid());
  assert.equal(session.getIdToken().payload['cognito:username'], name);
  return session;
}

before(serveFunctions);
beforeEach(() => { browser = memory(); });

test('sign-up, SRP and the password in clear', async () => {
  await app();
  const register = (name, secret = password) => call((f) => pool().signUp(name, secret, [new CognitoUserAttribute({ Name: 'email', Value: `${name}@example.com` })], null, f));
  await register('ann');
  await refused(register('ann'), 'UsernameExistsException', 'User already exists');
  await refused(register('bob', 'weak'), 'InvalidPasswordException');
  for (const flow of ['USER_SRP_AUTH', 'USER_PASSWORD_AUTH']) await refused(begin(user('ann', flow)), 'UserNotConfirmedException', 'User is not confirmed.');
  await call((f) => user('ann').resendConfirmationCode(f));
  const sent = await code('ann@example.com');
  const confirm = (text) => call((f) => user('ann').confirmRegistration(text, false, f));
  await refused(confirm(altered(sent)), 'CodeMismatchException');
  await confirm(sent);
  await refused(confirm(sent), 'NotAuthorizedException', 'User cannot be confirmed. Current status is CONFIRMED');
  for (const flow of ['USER_SRP_AUTH', 'USER_PASSWORD_AUTH']) {
    await refused(begin(user('ann', flow), 'Wrong-Password-0'), 'NotAuthorizedException', incorrect);
    await refused(begin(user('nobody', flow)), 'UserNotFoundException', 'User does not exist.');
    const session = await done(begin(user('ann', flow)), 'ann');
    // A page that is opened again has the session.
    const again = pool().getCurrentUser();
    assert.equal((await call((f) => again.getSession(f))).getAccessToken().getJwtToken(), session.getAccessToken().getJwtToken());
    await call((f) => again.signOut(f));
    assert.equal(pool().getCurrentUser(), null);
  }
});

test('newPasswordRequired', async () => {
  await app({ Schema: [{ Name: 'name', Required: true, Mutable: true }] });
  for (const [name, flow] of [['ann', 'USER_SRP_AUTH'], ['bob', 'USER_PASSWORD_AUTH']]) {
    await idp.send(new AdminCreateUserCommand({
      UserPoolId: stack.userPoolId, Username: name, DesiredDeliveryMediums: ['EMAIL'],
      UserAttributes: [{ Name: 'email', Value: `${name}@example.com` }, { Name: 'email_verified', Value: 'true' }],
    }));
    const temporary = await code(`${name}@example.com`);
    const u = user(name, flow);
    const [attributes, required] = await asks(begin(u, temporary), 'newPasswordRequired');
    assert.equal(attributes.email, `${name}@example.com`);
    assert.deepEqual(required, ['name']);
    const complete = (secret, data) => steps((f) => u.completeNewPasswordChallenge(secret, data, f));
    await refused(complete('weak', { name: 'A' }), 'InvalidPasswordException');
    await refused(complete(password, {}), 'InvalidParameterException', 'Invalid attributes given, name is missing');
    await done(complete(password, { name: 'A Guest' }), name);
    await refused(begin(user(name, flow), temporary), 'NotAuthorizedException', incorrect);
    await done(begin(user(name, flow)), name);
  }
});

test('mfaRequired, totpRequired and selectMFAType', async () => {
  await app(messages);
  await factors(stack, 'OPTIONAL', 'sms', 'totp');
  await person(stack, 'ann', { email: 'ann@example.com', email_verified: 'true', phone_number: phone });
  const u = user('ann');
  await done(begin(u), 'ann');
  const prefer = (sms, app) => call((f) => u.setUserMfaPreference(sms, app, f));
  const on = { Enabled: true, PreferredMfa: false };
  await refused(prefer(null, on), 'InvalidParameterException', 'User has not verified software token mfa');
  const [secret] = await asks(steps((f) => u.associateSoftwareToken(f)), 'associateSecretCode');
  const verify = (text) => steps((f) => u.verifySoftwareToken(text, 'phone', f));
  await refused(verify(altered(await totp(secret))), 'EnableSoftwareTokenMFAException', 'Code mismatch');
  let used = await totp(secret);
  await asks(verify(used), 'onSuccess');

  await prefer(on, null);
  const v = user('ann');
  const [challenge, parameters] = await asks(begin(v), 'mfaRequired');
  assert.equal(challenge, 'SMS_MFA');
  assert.equal(parameters.CODE_DELIVERY_DESTINATION, '+*******0100');
  const sent = await code(phone);
  const answer = (text, kind, w = v) => steps((f) => w.sendMFACode(text, f, kind));
  await refused(answer(altered(sent)), 'CodeMismatchException', 'Invalid code or auth state for the user.');
  await done(answer(sent), 'ann');
  await refused(answer(sent), 'NotAuthorizedException', 'Invalid session for the user, session can only be used once.');

  await prefer(null, on);
  for (const flow of ['USER_SRP_AUTH', 'USER_PASSWORD_AUTH']) {
    for (const [kind, step] of [['SOFTWARE_TOKEN_MFA', 'totpRequired'], ['SMS_MFA', 'mfaRequired']]) {
      const w = user('ann', flow);
      const [, choice] = await asks(begin(w), 'selectMFAType');
      assert.deepEqual(JSON.parse(choice.MFAS_CAN_CHOOSE), ['SMS_MFA', 'SOFTWARE_TOKEN_MFA']);
      await asks(steps((f) => w.sendMFASelectionAnswer(kind, f)), step);
      if (kind === 'SOFTWARE_TOKEN_MFA') await refused(answer(used, kind, w), 'ExpiredCodeException', 'Your software token has already been used once.');
      const right = kind === 'SMS_MFA' ? await code(phone) : (used = await nextTotp(secret));
      await refused(answer(altered(right), kind, w), 'CodeMismatchException');
      await done(answer(right, kind, w), 'ann');
    }
  }
  const data = await call((f) => u.getUserData(f, { bypassCache: true }));
  assert.deepEqual(data.UserMFASettingList, ['SMS_MFA', 'SOFTWARE_TOKEN_MFA']);
});

test('mfaSetup', async () => {
  await app();
  await factors(stack, 'ON', 'totp');
  await person(stack, 'ann');
  const u = user('ann');
  const [challenge, parameters] = await asks(begin(u), 'mfaSetup');
  assert.equal(challenge, 'MFA_SETUP');
  assert.equal(parameters.MFAS_CAN_SETUP, '["SOFTWARE_TOKEN_MFA"]');
  const [secret] = await asks(steps((f) => u.associateSoftwareToken(f)), 'associateSecretCode');
  const verify = (text) => steps((f) => u.verifySoftwareToken(text, 'phone', f));
  await refused(verify(altered(await totp(secret))), 'EnableSoftwareTokenMFAException', 'Code mismatch');
  await done(verify(await totp(secret)), 'ann');
  const v = user('ann');
  const [, named] = await asks(begin(v), 'totpRequired');
  assert.equal(named.FRIENDLY_DEVICE_NAME, 'phone');
  await done(steps(async (f) => v.sendMFACode(await nextTotp(secret), f, 'SOFTWARE_TOKEN_MFA')), 'ann');
});

test('a remembered device', async () => {
  await app({ DeviceConfiguration: { ChallengeRequiredOnNewDevice: true, DeviceOnlyRememberedOnUserPrompt: true } });
  await factors(stack, 'OPTIONAL', 'totp');
  await person(stack, 'ann');
  const u = user('ann');
  const [, necessary] = await asks(begin(u), 'onSuccess');
  assert.equal(necessary, true); // the pool wants the user asked
  const [secret] = await asks(steps((f) => u.associateSoftwareToken(f)), 'associateSecretCode');
  await asks(steps(async (f) => u.verifySoftwareToken(await totp(secret), 'phone', f)), 'onSuccess');
  await call((f) => u.setUserMfaPreference(null, { Enabled: true, PreferredMfa: true }, f));

  const v = user('ann');
  v.getCachedDeviceKeyAndPassword();
  const key = v.deviceKey;
  assert.match(key, /^us-east-1_[0-9a-f-]{36}$/);
  await asks(begin(v), 'totpRequired'); // confirmed, but not remembered
  await asks(steps(async (f) => v.sendMFACode(await nextTotp(secret), f, 'SOFTWARE_TOKEN_MFA')), 'onSuccess');
  await asks(steps((f) => v.setDeviceStatusRemembered(f)), 'onSuccess');
  const [{ Device }] = await asks(steps((f) => v.getDevice(f)), 'onSuccess');
  assert.equal(Device.DeviceKey, key);

  for (const flow of ['USER_SRP_AUTH', 'USER_PASSWORD_AUTH']) {
    const w = user('ann', flow);
    await refused(begin(w, 'Wrong-Password-0'), 'NotAuthorizedException', incorrect);
    const session = await done(begin(w), 'ann'); // no code
    assert.equal(session.getAccessToken().payload.device_key, key);
    const fresh = await call((f) => w.refreshSession(session.getRefreshToken(), f));
    assert.equal(fresh.getAccessToken().payload.device_key, key);
  }

  // A device that does not know its own secret is none.
  const entry = `CognitoIdentityServiceProvider.${stack.clientId}.ann.randomPasswordKey`;
  const own = browser.getItem(entry);
  browser.setItem(entry, altered(own));
  await refused(begin(user('ann')), 'NotAuthorizedException', incorrect);
  browser.setItem(entry, own);

  // Another browser forgets it. The library tells from the refusal that the
  // device is gone, and answers again without it.
  const laptop = browser;
  browser = memory();
  const x = user('ann');
  await asks(begin(x), 'totpRequired');
  await asks(steps(async (f) => x.sendMFACode(await nextTotp(secret), f, 'SOFTWARE_TOKEN_MFA')), 'onSuccess');
  const list = async () => (await asks(steps((f) => x.listDevices(10, null, f)), 'onSuccess'))[0].Devices;
  assert.equal((await list()).length, 2);
  await refused(steps((f) => x.forgetSpecificDevice(altered(key), f)), 'ResourceNotFoundException', 'Device does not exist.');
  await asks(steps((f) => x.forgetSpecificDevice(key, f)), 'onSuccess');
  assert.equal((await list()).length, 1);
  browser = laptop;
  const y = user('ann');
  await asks(begin(y), 'totpRequired');
  assert.equal(y.deviceKey, null);
  await asks(steps(async (f) => y.sendMFACode(await nextTotp(secret), f, 'SOFTWARE_TOKEN_MFA')), 'onSuccess');
  await asks(steps((f) => y.setDeviceStatusRemembered(f)), 'onSuccess');
  await done(begin(user('ann')), 'ann');
  await asks(steps((f) => y.setDeviceStatusNotRemembered(f)), 'onSuccess');
  await asks(begin(user('ann')), 'totpRequired');
});

test('users whose name is their address', async () => {
  await app({ UsernameAttributes: ['email'], DeviceConfiguration: { ChallengeRequiredOnNewDevice: true, DeviceOnlyRememberedOnUserPrompt: false } });
  await factors(stack, 'OPTIONAL', 'totp');
  const name = 'ann@example.com';
  const { userSub } = await call((f) => pool().signUp(name, password, [], null, f));
  await call(async (f) => user(name).confirmRegistration(await code(name), false, f));
  await refused(begin(user(name), 'Wrong-Password-0'), 'NotAuthorizedException', incorrect);
  const u = user(name);
  const session = await done(begin(u), userSub);
  const [secret] = await asks(steps((f) => u.associateSoftwareToken(f)), 'associateSecretCode');
  await asks(steps(async (f) => u.verifySoftwareToken(await totp(secret), 'phone', f)), 'onSuccess');
  await call((f) => u.setUserMfaPreference(null, { Enabled: true, PreferredMfa: true }, f));
  const on = await done(begin(user(name)), userSub); // the device in place of the code
  assert.equal(on.getAccessToken().payload.device_key, session.getAccessToken().payload.device_key);
  const fresh = await call((f) => user(name).refreshSession(on.getRefreshToken(), f));
  assert.equal(fresh.getAccessToken().payload.sub, userSub);
  for (const flow of ['USER_SRP_AUTH', 'USER_PASSWORD_AUTH']) {
    browser = memory();
    const w = user(name, flow);
    await asks(begin(w), 'totpRequired');
    await refused(steps(async (f) => w.sendMFACode(altered(await nextTotp(secret)), f, 'SOFTWARE_TOKEN_MFA')), 'CodeMismatchException');
    await done(steps(async (f) => w.sendMFACode(await totp(secret), f, 'SOFTWARE_TOKEN_MFA')), userSub);
  }
});

test('refresh, a changed password, a forgotten one, sign-out everywhere', async () => {
  await app();
  await person(stack, 'ann');
  const u = user('ann');
  const session = await done(begin(u), 'ann');
  const fresh = await call((f) => u.refreshSession(session.getRefreshToken(), f));
  assert.notEqual(fresh.getAccessToken().payload.jti, session.getAccessToken().payload.jti);
  assert.equal(fresh.getAccessToken().payload.origin_jti, session.getAccessToken().payload.origin_jti);
  assert.equal(fresh.getRefreshToken().getToken(), session.getRefreshToken().getToken());

  await refused(call((f) => u.changePassword('Wrong-Password-0', 'Battery-Staple-8', f)), 'NotAuthorizedException', incorrect);
  await call((f) => u.changePassword(password, 'Battery-Staple-8', f));
  await refused(begin(user('ann')), 'NotAuthorizedException', incorrect);

  await asks(steps((f) => user('ann').forgotPassword(f)), 'inputVerificationCode');
  const sent = await code('ann@example.com');
  const confirm = (text, secret = password) => steps((f) => user('ann').confirmPassword(text, secret, f));
  await refused(confirm(altered(sent)), 'CodeMismatchException', 'Invalid verification code provided, please try again.');
  await refused(confirm(sent, 'weak'), 'InvalidPasswordException');
  await asks(confirm(sent), 'onSuccess');
  await refused(confirm(sent), 'ExpiredCodeException', 'Invalid code provided, please request a code again.');
  await refused(steps((f) => user('nobody').forgotPassword(f)), 'UserNotFoundException', 'Username/client id combination not found.');

  const here = user('ann');
  const there = user('ann');
  await done(begin(here), 'ann');
  await done(begin(there), 'ann');
  await asks(steps((f) => here.globalSignOut(f)), 'onSuccess');
  await refused(call((f) => there.getUserAttributes(f)), 'NotAuthorizedException', 'Access Token has been revoked');

  const last = user('ann');
  await done(begin(last), 'ann');
  await call((f) => last.updateAttributes([new CognitoUserAttribute({ Name: 'email', Value: 'ann@example.org' })], f));
  const verify = (text) => steps((f) => last.verifyAttribute('email', text, f));
  const mailed = await code('ann@example.org');
  await refused(verify(altered(mailed)), 'CodeMismatchException');
  await asks(verify(mailed), 'onSuccess');
  await call((f) => last.deleteUser(f));
  await refused(begin(user('ann')), 'UserNotFoundException', 'User does not exist.');
});

test('refresh tokens that are worth nothing', async () => {
  await app({ DeviceConfiguration: { ChallengeRequiredOnNewDevice: false, DeviceOnlyRememberedOnUserPrompt: false } });
  await person(stack, 'ann');
  const stands = await done(begin(user('ann')), 'ann');
  browser = memory();
  const u = user('ann');
  const ended = await done(begin(u), 'ann');
  const key = u.deviceKey;
  await call((f) => u.signOut(f));
  const refresh = (token, deviceKey) => {
    browser = memory();
    const prefix = `CognitoIdentityServiceProvider.${stack.clientId}`;
    browser.setItem(`${prefix}.LastAuthUser`, 'ann');
    browser.setItem(`${prefix}.ann.deviceKey`, deviceKey);
    return call((f) => user('ann').refreshSession(token, f));
  };
  // All at once, because the library asks again for some seconds before it says
  // that it was refused.
  await Promise.all([
    refused(refresh(stands.getRefreshToken(), null), 'NotAuthorizedException', 'Invalid Refresh Token'),
    refused(refresh(stands.getRefreshToken(), key), 'NotAuthorizedException', 'Invalid Refresh Token'), // another device's
    refused(refresh(ended.getRefreshToken(), key), 'NotAuthorizedException', 'Refresh Token has been revoked'),
    refused(refresh(new CognitoRefreshToken({ RefreshToken: 'x' }), key), 'NotAuthorizedException', /^Invalid Refresh Token/),
  ]);
});

test('customChallenge, with a password before it and without', async () => {
  await app({ LambdaConfig: lambdaConfig }, { ExplicitAuthFlows: ['ALLOW_CUSTOM_AUTH', 'ALLOW_USER_SRP_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'] });
  await person(stack, 'ann');
  const starts = {
    without: (u) => steps((f) => u.initiateAuth(new AuthenticationDetails({ Username: u.getUsername() }), f)),
    with: (u, secret) => begin(u, secret),
  };
  await refused(starts.with(user('ann', 'CUSTOM_AUTH'), 'Wrong-Password-0'), 'NotAuthorizedException', incorrect);
  for (const start of Object.values(starts)) {
    await refused(start(user('nobody', 'CUSTOM_AUTH')), 'UserNotFoundException', 'User does not exist.');
    const u = user('ann', 'CUSTOM_AUTH');
    const answer = (text) => steps((f) => u.sendCustomChallengeAnswer(text, f, { nick: 'Annie' }));
    const [first] = await asks(start(u), 'customChallenge');
    const [second] = await asks(answer('0'), 'customChallenge');
    assert.notEqual(second.question, first.question);
    assert.equal(second.greeting, 'Hello, Annie!');
    await done(answer(sum(second.question)), 'ann');
    await refused(answer(sum(second.question)), 'NotAuthorizedException', 'Invalid session for the user.');

    await asks(start(u), 'customChallenge');
    await asks(answer('0'), 'customChallenge');
    await asks(answer('0'), 'customChallenge');
    await refused(answer('0'), 'NotAuthorizedException', incorrect);
  }
});
