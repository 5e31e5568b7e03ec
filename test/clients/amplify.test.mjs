// Amplify 6 in Node: every way to sign in, and what a signed-in user does, each
// with a refusal by its own name.
import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { before, beforeEach, test } from 'node:test';
import { setTimeout as wait } from 'node:timers/promises';
import {
  AdminCreateUserCommand, AdminResetUserPasswordCommand, SetUserPoolMfaConfigCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import { Amplify } from 'aws-amplify';
import {
  associateWebAuthnCredential, autoSignIn, confirmResetPassword, confirmSignIn, confirmSignUp, confirmUserAttribute, deleteUser,
  deleteWebAuthnCredential, fetchAuthSession, fetchDevices, fetchMFAPreference, fetchUserAttributes, forgetDevice, getCurrentUser, listWebAuthnCredentials, rememberDevice, resendSignUpCode,
  resetPassword, sendUserAttributeVerificationCode, setUpTOTP, signIn, signOut, signUp, updateMFAPreference, updatePassword,
  updateUserAttribute, verifyTOTPSetup,
} from 'aws-amplify/auth';
import { cognitoUserPoolsTokenProvider } from 'aws-amplify/auth/cognito';
import { passkeys } from './authenticator.mjs';
import { lambdaConfig, serveFunctions, sum } from './functions.mjs';
import {
  altered, code, factors, idp, messages, nextTotp, password, person, refused, totp, url, userPool,
} from './stack.mjs';

// Amplify names the device that it confirms by the browser's user agent, which
// Node has from version 21 on only.
globalThis.navigator ??= { userAgent: 'Node.js' };

const incorrect = 'Incorrect username or password.';
const phone = '+12065550100';

// memory is a browser's storage that ends with the test.
function memory() {
  const kept = new Map();
  return {
    setItem: async (key, value) => { kept.set(key, value); },
    getItem: async (key) => kept.get(key) ?? null,
    removeItem: async (key) => { kept.delete(key); },
    clear: async () => kept.clear(),
  };
}

// app makes a pool and is then its app, in a browser that nobody has used.
async function app(pool, client) {
  const stack = await userPool(pool, { ExplicitAuthFlows: ['ALLOW_USER_SRP_AUTH', 'ALLOW_USER_PASSWORD_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'], ...client });
  Amplify.configure({ Auth: { Cognito: { userPoolId: stack.userPoolId, userPoolClientId: stack.clientId, userPoolEndpoint: url } } });
  cognitoUserPoolsTokenProvider.setKeyValueStorage(memory());
  return stack;
}

// choosing is an app whose users choose with what to begin.
const choosing = () => app(
  { ...messages, Policies: { SignInPolicy: { AllowedFirstAuthFactors: ['PASSWORD', 'EMAIL_OTP', 'SMS_OTP'] } } },
  { ExplicitAuthFlows: ['ALLOW_USER_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'] },
);

// begin signs in as far as the first challenge.
const begin = (username, options = {}, secret = password) => signIn({ username, ...(secret && { password: secret }), options });
const answer = (challengeResponse, options) => confirmSignIn({ challengeResponse, options });

// asks wants a sign-in to be asked for a step, and returns it.
async function asks(promise, signInStep, more = {}) {
  const { isSignedIn, nextStep } = await promise;
  assert.equal(nextStep.signInStep, signInStep);
  assert.equal(isSignedIn, signInStep === 'DONE');
  for (const [name, value] of Object.entries(more)) assert.deepEqual(nextStep[name], value, name);
  return nextStep;
}

// done wants a sign-in to end, with the tokens of a user.
async function done(promise, username) {
  await asks(promise, 'DONE');
  assert.equal((await getCurrentUser()).username, username);
  const { tokens } = await fetchAuthSession();
  assert.equal(tokens.idToken.payload['cognito:username'], username);
  assert.equal(tokens.accessToken.payload.username, username);
  return tokens;
}

before(serveFunctions);
beforeEach(() => cognitoUserPoolsTokenProvider.setKeyValueStorage(memory()));

test('sign-up, and the sign-in that follows it', async () => {
  await app();
  const register = (username, more) => signUp({ username, password, options: { userAttributes: { email: `${username}@example.com` }, ...more } });
  const bob = await register('bob');
  assert.equal(bob.nextStep.signUpStep, 'CONFIRM_SIGN_UP');
  await asks(begin('bob'), 'CONFIRM_SIGN_UP'); // UserNotConfirmedException
  await refused(register('bob'), 'UsernameExistsException', 'User already exists');
  await refused(signUp({ username: 'carl', password: 'weak' }), 'InvalidPasswordException');

  const ann = await register('ann', { autoSignIn: true });
  assert.match(ann.userId, /^[0-9a-f-]{36}$/);
  assert.deepEqual(ann.nextStep, { signUpStep: 'CONFIRM_SIGN_UP', codeDeliveryDetails: { destination: 'a***@e***', deliveryMedium: 'EMAIL', attributeName: 'email' } });
  const first = await code('ann@example.com');
  const again = await resendSignUpCode({ username: 'ann' });
  assert.deepEqual(again, { destination: 'a***@e***', deliveryMedium: 'EMAIL', attributeName: 'email' });
  const confirmationCode = await code('ann@example.com');
  if (first !== confirmationCode) await refused(confirmSignUp({ username: 'ann', confirmationCode: first }), 'CodeMismatchException');
  await refused(confirmSignUp({ username: 'ann', confirmationCode: altered(confirmationCode) }), 'CodeMismatchException', 'Invalid verification code provided, please try again.');
  const confirmed = await confirmSignUp({ username: 'ann', confirmationCode });
  assert.deepEqual(confirmed, { isSignUpComplete: true, nextStep: { signUpStep: 'COMPLETE_AUTO_SIGN_IN' } });
  await done(autoSignIn(), 'ann');
  await refused(autoSignIn(), 'AutoSignInException');
  await refused(confirmSignUp({ username: 'ann', confirmationCode }), 'NotAuthorizedException', 'User cannot be confirmed. Current status is CONFIRMED');
  await refused(begin('ann'), 'UserAlreadyAuthenticatedException');
});

test('sign-up without a password: its code is the sign-in', async () => {
  await choosing();
  await signUp({ username: 'ann', options: { userAttributes: { email: 'ann@example.com' }, autoSignIn: { authFlowType: 'USER_AUTH' } } });
  const confirmationCode = await code('ann@example.com');
  await refused(confirmSignUp({ username: 'ann', confirmationCode: altered(confirmationCode) }), 'CodeMismatchException');
  const { nextStep } = await confirmSignUp({ username: 'ann', confirmationCode });
  assert.equal(nextStep.signUpStep, 'COMPLETE_AUTO_SIGN_IN');
  await wait(310); // Amplify takes a second autoSignIn within 300 ms for a double click, and never answers it
  await done(autoSignIn(), 'ann');
  await signOut();
  await asks(begin('ann', { authFlowType: 'USER_AUTH' }, ''), 'CONTINUE_SIGN_IN_WITH_FIRST_FACTOR_SELECTION', { availableChallenges: ['EMAIL_OTP'] });
});

test('USER_SRP_AUTH and USER_PASSWORD_AUTH', async () => {
  const stack = await app();
  await person(stack, 'ann');
  for (const authFlowType of ['USER_SRP_AUTH', 'USER_PASSWORD_AUTH']) {
    await refused(begin('ann', { authFlowType }, 'Wrong-Password-0'), 'NotAuthorizedException', incorrect);
    await refused(begin('nobody', { authFlowType }), 'UserNotFoundException', 'User does not exist.');
    await done(begin('ann', { authFlowType }), 'ann');
    await signOut();
    await refused(getCurrentUser(), 'UserUnAuthenticatedException');
  }
  await refused(begin('ann', { authFlowType: 'USER_AUTH' }), 'InvalidParameterException');
  await idp.send(new AdminResetUserPasswordCommand({ UserPoolId: stack.userPoolId, Username: 'ann' }));
  await asks(begin('ann'), 'RESET_PASSWORD'); // PasswordResetRequiredException
});

test('USER_AUTH: what the user prefers', async () => {
  const stack = await choosing();
  await person(stack, 'ann', { email: 'ann@example.com', email_verified: 'true', phone_number: phone, phone_number_verified: 'true' });
  const prefer = (preferredChallenge, secret = '') => begin('ann', { authFlowType: 'USER_AUTH', preferredChallenge }, secret);
  for (const choice of ['PASSWORD_SRP', 'PASSWORD']) {
    await refused(prefer(choice, 'Wrong-Password-0'), 'NotAuthorizedException', incorrect);
    await done(prefer(choice, password), 'ann');
    await signOut();
  }
  for (const [choice, step, to, deliveryMedium, destination, digits] of [
    ['EMAIL_OTP', 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE', 'ann@example.com', 'EMAIL', 'a***@e***', 8],
    ['SMS_OTP', 'CONFIRM_SIGN_IN_WITH_SMS_CODE', phone, 'SMS', '+*******0100', 6],
  ]) {
    await asks(prefer(choice), step, { codeDeliveryDetails: { deliveryMedium, destination } });
    const sent = await code(to);
    assert.equal(sent.length, digits);
    await refused(answer(altered(sent)), 'CodeMismatchException', 'Invalid code or auth state for the user.');
    await done(answer(sent), 'ann');
    await signOut();
    await asks(prefer(choice), step);
    await refused(answer(sent), 'CodeMismatchException'); // the code of another sign-in
  }
  await refused(prefer('WEB_AUTHN').then(({ nextStep }) => { throw Object.assign(new Error(), { name: nextStep.signInStep }); }), 'CONTINUE_SIGN_IN_WITH_FIRST_FACTOR_SELECTION');
  await refused(begin('nobody', { authFlowType: 'USER_AUTH' }, ''), 'UserNotFoundException', 'User does not exist.');
});

test('USER_AUTH: the user chooses', async () => {
  const stack = await choosing();
  await person(stack, 'ann', { email: 'ann@example.com', email_verified: 'true', phone_number: phone, phone_number_verified: 'true' });
  const choose = async (choice) => {
    await asks(begin('ann', { authFlowType: 'USER_AUTH' }, ''), 'CONTINUE_SIGN_IN_WITH_FIRST_FACTOR_SELECTION',
      { availableChallenges: ['PASSWORD_SRP', 'PASSWORD', 'EMAIL_OTP', 'SMS_OTP'] });
    return answer(choice);
  };
  await refused(choose('WEB_AUTHN'), 'InvalidParameterException', /Invalid selection/);
  for (const choice of ['PASSWORD_SRP', 'PASSWORD']) {
    await asks(choose(choice), 'CONFIRM_SIGN_IN_WITH_PASSWORD');
    await refused(answer('Wrong-Password-0'), 'NotAuthorizedException', incorrect);
    await asks(choose(choice), 'CONFIRM_SIGN_IN_WITH_PASSWORD');
    await done(answer(password), 'ann');
    await signOut();
  }
  for (const [choice, step, to] of [['EMAIL_OTP', 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE', 'ann@example.com'], ['SMS_OTP', 'CONFIRM_SIGN_IN_WITH_SMS_CODE', phone]]) {
    await asks(choose(choice), step);
    const sent = await code(to);
    await refused(answer(altered(sent)), 'CodeMismatchException');
    await done(answer(sent), 'ann');
    await signOut();
  }
});

test('a temporary password is replaced', async () => {
  const stack = await app({ Schema: [{ Name: 'name', Required: true, Mutable: true }] });
  const invite = async (Username, UserAttributes) => {
    await idp.send(new AdminCreateUserCommand({ UserPoolId: stack.userPoolId, Username, DesiredDeliveryMediums: ['EMAIL'], UserAttributes }));
    return code(`${Username}@example.com`);
  };
  const email = (name) => [{ Name: 'email', Value: `${name}@example.com` }, { Name: 'email_verified', Value: 'true' }];
  for (const [guest, authFlowType] of [['ann', 'USER_SRP_AUTH'], ['bob', 'USER_PASSWORD_AUTH']]) {
    const temporary = await invite(guest, email(guest));
    await refused(begin(guest, { authFlowType }, 'Wrong-Password-0'), 'NotAuthorizedException', incorrect);
    await asks(begin(guest, { authFlowType }, temporary), 'CONFIRM_SIGN_IN_WITH_NEW_PASSWORD_REQUIRED', { missingAttributes: ['name'] });
    await refused(answer('weak', { userAttributes: { name: 'A' } }), 'InvalidPasswordException', 'Password did not conform with policy: Password not long enough');
    await refused(answer(password), 'InvalidParameterException', 'Invalid attributes given, name is missing');
    await done(answer(password, { userAttributes: { name: 'A Guest' } }), guest);
    assert.equal((await fetchUserAttributes()).name, 'A Guest');
    await signOut();
    await refused(begin(guest, { authFlowType }, temporary), 'NotAuthorizedException', incorrect);
  }
});

test('TOTP, for which the user asks', async () => {
  const stack = await app();
  await factors(stack, 'OPTIONAL', 'totp');
  await person(stack, 'ann');
  await done(begin('ann'), 'ann');
  assert.deepEqual(await fetchMFAPreference(), { preferred: undefined, enabled: undefined });
  await refused(updateMFAPreference({ totp: 'PREFERRED' }), 'InvalidParameterException', 'User has not verified software token mfa');
  const { sharedSecret, getSetupUri } = await setUpTOTP();
  assert.equal(getSetupUri('gatehouse', 'ann').searchParams.get('secret'), sharedSecret);
  await refused(verifyTOTPSetup({ code: altered(await totp(sharedSecret)) }), 'EnableSoftwareTokenMFAException', 'Code mismatch');
  const shown = await totp(sharedSecret);
  await verifyTOTPSetup({ code: shown });
  await updateMFAPreference({ totp: 'PREFERRED' });
  assert.deepEqual(await fetchMFAPreference(), { preferred: 'TOTP', enabled: ['TOTP'] });
  await signOut();

  await asks(begin('ann'), 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
  await refused(answer(shown), 'ExpiredCodeException', 'Your software token has already been used once.');
  const fresh = await nextTotp(sharedSecret);
  await refused(answer(altered(fresh)), 'CodeMismatchException', 'Invalid code received for user');
  await done(answer(fresh), 'ann');
  await signOut();
  await asks(begin('ann', { authFlowType: 'USER_PASSWORD_AUTH' }), 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
  await refused(answer(fresh), 'ExpiredCodeException', 'Your software token has already been used once.');
  await done(answer(await nextTotp(sharedSecret)), 'ann');
  await updateMFAPreference({ totp: 'DISABLED' });
  await signOut();
  await done(begin('ann'), 'ann');
});

test('SMS and e-mail as second factors, and the choice between them', async () => {
  const stack = await app(messages);
  await factors(stack, 'OPTIONAL', 'sms', 'totp', 'email');
  await person(stack, 'ann', { email: 'ann@example.com', email_verified: 'true' });
  await done(begin('ann'), 'ann');
  await refused(updateMFAPreference({ sms: 'ENABLED' }), 'InvalidParameterException', 'User does not have delivery config set to turn on SMS_MFA');
  await updateUserAttribute({ userAttribute: { attributeKey: 'phone_number', value: phone } });
  await updateMFAPreference({ sms: 'ENABLED', email: 'NOT_PREFERRED' });
  assert.deepEqual(await fetchMFAPreference(), { preferred: undefined, enabled: ['SMS', 'EMAIL'] });
  await signOut();
  for (const [choice, step, to, codeDeliveryDetails] of [
    ['SMS', 'CONFIRM_SIGN_IN_WITH_SMS_CODE', phone, { deliveryMedium: 'SMS', destination: '+*******0100' }],
    ['EMAIL', 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE', 'ann@example.com', { deliveryMedium: 'EMAIL', destination: 'a***@e***' }],
  ]) {
    await asks(begin('ann'), 'CONTINUE_SIGN_IN_WITH_MFA_SELECTION', { allowedMFATypes: ['SMS', 'EMAIL'] });
    await refused(answer('TOTP'), 'InvalidParameterException');
    await refused(answer('PIGEON'), 'IncorrectMFAMethod');
    await asks(answer(choice), step, { codeDeliveryDetails });
    const sent = await code(to);
    await refused(answer(altered(sent)), 'CodeMismatchException', 'Invalid code or auth state for the user.');
    await done(answer(sent), 'ann');
    await updateMFAPreference({ [choice.toLowerCase()]: 'PREFERRED' });
    await signOut();
    await asks(begin('ann'), step); // at once
    await refused(answer(sent), 'CodeMismatchException'); // of the sign-in before
    await done(answer(await code(to)), 'ann');
    await updateMFAPreference({ [choice.toLowerCase()]: 'NOT_PREFERRED' });
    await signOut();
  }
});

test('a second factor is set up on the way', async () => {
  const stack = await app(messages);
  await person(stack, 'ann', {});
  await person(stack, 'bob', {});
  await person(stack, 'carl', {});

  await factors(stack, 'ON', 'totp');
  const { totpSetupDetails } = await asks(begin('ann'), 'CONTINUE_SIGN_IN_WITH_TOTP_SETUP');
  await refused(answer(altered(await totp(totpSetupDetails.sharedSecret))), 'EnableSoftwareTokenMFAException', 'Code mismatch');
  await done(answer(await totp(totpSetupDetails.sharedSecret), { friendlyDeviceName: 'phone' }), 'ann');
  assert.deepEqual((await fetchMFAPreference()).enabled, ['TOTP']);
  await signOut();
  await asks(begin('ann'), 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');

  await factors(stack, 'ON', 'totp', 'email');
  await asks(begin('bob'), 'CONTINUE_SIGN_IN_WITH_MFA_SETUP_SELECTION', { allowedMFATypes: ['TOTP', 'EMAIL'] });
  await refused(answer('PIGEON'), 'SignInException');
  const chosen = await asks(answer('TOTP'), 'CONTINUE_SIGN_IN_WITH_TOTP_SETUP');
  await done(answer(await totp(chosen.totpSetupDetails.sharedSecret)), 'bob');
  await signOut();

  await asks(begin('carl'), 'CONTINUE_SIGN_IN_WITH_MFA_SETUP_SELECTION');
  await asks(answer('EMAIL'), 'CONTINUE_SIGN_IN_WITH_EMAIL_SETUP');
  await refused(answer('@'), 'InvalidParameterException');
  await asks(answer('carl@example.com'), 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE');
  const sent = await code('carl@example.com');
  await refused(answer(altered(sent)), 'CodeMismatchException');
  await done(answer(sent), 'carl');
  const attributes = await fetchUserAttributes();
  assert.deepEqual([attributes.email, attributes.email_verified], ['carl@example.com', 'true']);
  await signOut();

  await factors(stack, 'ON', 'email');
  await person(stack, 'dora', {});
  await asks(begin('dora'), 'CONTINUE_SIGN_IN_WITH_EMAIL_SETUP');
});

test('a forgotten password, and a changed one', async () => {
  const stack = await app();
  await person(stack, 'ann');
  const { nextStep } = await resetPassword({ username: 'ann' });
  assert.deepEqual(nextStep, {
    resetPasswordStep: 'CONFIRM_RESET_PASSWORD_WITH_CODE',
    codeDeliveryDetails: { destination: 'a***@e***', deliveryMedium: 'EMAIL', attributeName: 'email' },
  });
  const confirmationCode = await code('ann@example.com');
  const confirm = (text, newPassword = 'Battery-Staple-8') => confirmResetPassword({ username: 'ann', newPassword, confirmationCode: text });
  await refused(confirm(altered(confirmationCode)), 'CodeMismatchException', 'Invalid verification code provided, please try again.');
  await refused(confirm(confirmationCode, 'weak'), 'InvalidPasswordException');
  await confirm(confirmationCode);
  await refused(confirm(confirmationCode), 'ExpiredCodeException', 'Invalid code provided, please request a code again.');
  await refused(resetPassword({ username: 'nobody' }), 'UserNotFoundException', 'Username/client id combination not found.');
  await refused(begin('ann'), 'NotAuthorizedException', incorrect);
  await done(begin('ann', {}, 'Battery-Staple-8'), 'ann');
  await refused(updatePassword({ oldPassword: 'Wrong-Password-0', newPassword: password }), 'NotAuthorizedException', incorrect);
  await refused(updatePassword({ oldPassword: 'Battery-Staple-8', newPassword: 'weak' }), 'InvalidPasswordException');
  await updatePassword({ oldPassword: 'Battery-Staple-8', newPassword: password });
  await signOut();
  await refused(updatePassword({ oldPassword: 'Battery-Staple-8', newPassword: password }), 'UserUnAuthenticatedException');
  await done(begin('ann'), 'ann');
});

test('attributes, sign-out everywhere, and the end of the user', async () => {
  const stack = await app({ Policies: { SignInPolicy: { AllowedFirstAuthFactors: ['PASSWORD', 'WEB_AUTHN'] } } });
  await person(stack, 'ann');
  const { accessToken } = await done(begin('ann'), 'ann');
  assert.equal((await fetchUserAttributes()).email, 'ann@example.com');
  const updated = await updateUserAttribute({ userAttribute: { attributeKey: 'email', value: 'ann@example.org' } });
  assert.deepEqual(updated, {
    isUpdated: false,
    nextStep: { updateAttributeStep: 'CONFIRM_ATTRIBUTE_WITH_CODE', codeDeliveryDetails: { deliveryMedium: 'EMAIL', destination: 'a***@e***', attributeName: 'email' } },
  });
  assert.equal((await updateUserAttribute({ userAttribute: { attributeKey: 'name', value: 'Ann' } })).isUpdated, true);
  await refused(updateUserAttribute({ userAttribute: { attributeKey: 'birthdate', value: 'yesterday' } }), 'InvalidParameterException');
  let confirmationCode = await code('ann@example.org');
  const confirm = (text) => confirmUserAttribute({ userAttributeKey: 'email', confirmationCode: text });
  await refused(confirm(altered(confirmationCode)), 'CodeMismatchException');
  assert.equal((await sendUserAttributeVerificationCode({ userAttributeKey: 'email' })).destination, 'a***@e***');
  confirmationCode = await code('ann@example.org');
  await confirm(confirmationCode);
  await refused(confirm(confirmationCode), 'ExpiredCodeException');
  const { sub, ...attributes } = await fetchUserAttributes();
  assert.equal(sub, accessToken.payload.sub);
  assert.deepEqual(attributes, { email: 'ann@example.org', email_verified: 'true', name: 'Ann' });
  assert.deepEqual(await listWebAuthnCredentials(), { credentials: [], nextToken: undefined });

  // Another browser of hers, which the global sign-out ends as well.
  const here = memory();
  const there = memory();
  cognitoUserPoolsTokenProvider.setKeyValueStorage(there);
  await done(begin('ann'), 'ann');
  await fetchAuthSession({ forceRefresh: true });
  cognitoUserPoolsTokenProvider.setKeyValueStorage(here);
  await done(begin('ann'), 'ann');
  await signOut({ global: true });
  cognitoUserPoolsTokenProvider.setKeyValueStorage(there);
  await refused(fetchUserAttributes(), 'NotAuthorizedException', 'Access Token has been revoked');
  await refused(listWebAuthnCredentials(), 'NotAuthorizedException', 'Access Token has been revoked');
  // Amplify takes a refused refresh for a sign-out.
  assert.deepEqual((await fetchAuthSession({ forceRefresh: true })).tokens, undefined);
  await refused(getCurrentUser(), 'UserUnAuthenticatedException');

  await done(begin('ann'), 'ann');
  await deleteUser();
  await refused(deleteUser(), 'UserUnAuthenticatedException');
  await refused(begin('ann'), 'UserNotFoundException', 'User does not exist.');
});

test('refresh, with and without rotation', async () => {
  for (const rotation of [undefined, { Feature: 'ENABLED', RetryGracePeriodSeconds: 0 }]) {
    const stack = await app({}, rotation && { RefreshTokenRotation: rotation, ExplicitAuthFlows: ['ALLOW_USER_SRP_AUTH'] });
    await person(stack, 'ann');
    const browser = memory();
    cognitoUserPoolsTokenProvider.setKeyValueStorage(browser);
    const before = await done(begin('ann'), 'ann');
    const key = `CognitoIdentityServiceProvider.${stack.clientId}.ann.refreshToken`;
    const old = await browser.getItem(key);
    const { tokens } = await fetchAuthSession({ forceRefresh: true });
    assert.notEqual(tokens.accessToken.payload.jti, before.accessToken.payload.jti);
    assert.equal(tokens.accessToken.payload.origin_jti, before.accessToken.payload.origin_jti);
    assert.equal(await browser.getItem(key) === old, !rotation);
    assert.ok((await fetchAuthSession({ forceRefresh: true })).tokens);

    await browser.setItem(key, rotation ? old : 'x');
    if (rotation) await refused(fetchAuthSession({ forceRefresh: true }), 'RefreshTokenReuseException');
    else assert.equal((await fetchAuthSession({ forceRefresh: true })).tokens, undefined);
    await refused(getCurrentUser(), 'UserUnAuthenticatedException');
  }
});

test('a remembered device stands for the second factor', async () => {
  const stack = await app({ DeviceConfiguration: { ChallengeRequiredOnNewDevice: true, DeviceOnlyRememberedOnUserPrompt: true } });
  await factors(stack, 'OPTIONAL', 'totp');
  await person(stack, 'ann');
  const laptop = memory();
  cognitoUserPoolsTokenProvider.setKeyValueStorage(laptop);
  await done(begin('ann'), 'ann');
  const { sharedSecret } = await setUpTOTP();
  await verifyTOTPSetup({ code: await totp(sharedSecret) });
  await updateMFAPreference({ totp: 'PREFERRED' });
  const [device, ...more] = await fetchDevices();
  assert.deepEqual(more, []);
  assert.match(device.id, /^us-east-1_[0-9a-f-]{36}$/);
  await signOut();

  // Confirmed, but not remembered: the device is not asked.
  await asks(begin('ann'), 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
  const { accessToken } = await done(answer(await nextTotp(sharedSecret)), 'ann');
  assert.equal(accessToken.payload.device_key, device.id);
  await rememberDevice();
  await signOut();
  for (const authFlowType of ['USER_SRP_AUTH', 'USER_PASSWORD_AUTH']) {
    await refused(begin('ann', { authFlowType }, 'Wrong-Password-0'), 'NotAuthorizedException', incorrect);
    const on = await done(begin('ann', { authFlowType }), 'ann'); // the password and the device's SRP, no code
    assert.equal(on.accessToken.payload.device_key, device.id);
    assert.ok((await fetchAuthSession({ forceRefresh: true })).tokens);
    await signOut();
  }

  // A device that does not know its own secret is none.
  const key = `CognitoIdentityServiceProvider.${stack.clientId}.ann.randomPasswordKey`;
  const secret = await laptop.getItem(key);
  await laptop.setItem(key, altered(secret));
  await refused(begin('ann'), 'NotAuthorizedException', incorrect);
  await laptop.setItem(key, secret);
  await done(begin('ann'), 'ann');

  // Another browser is asked for the code, and forgets the laptop.
  cognitoUserPoolsTokenProvider.setKeyValueStorage(memory());
  await asks(begin('ann'), 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
  await done(answer(await nextTotp(sharedSecret)), 'ann');
  await refused(forgetDevice({ device: { id: device.id.replace(/.$/, (c) => (c === '0' ? '1' : '0')) } }), 'ResourceNotFoundException', 'Device does not exist.');
  await forgetDevice({ device: { id: device.id } });
  assert.equal((await fetchDevices()).some(({ id }) => id === device.id), false);

  // The laptop's session ended with it. Amplify tells from the refusal that the
  // device is gone, drops the key, and goes on without.
  cognitoUserPoolsTokenProvider.setKeyValueStorage(laptop);
  assert.equal((await fetchAuthSession({ forceRefresh: true })).tokens, undefined);
  await asks(begin('ann'), 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
  const fresh = await done(answer(await nextTotp(sharedSecret)), 'ann');
  assert.notEqual(fresh.accessToken.payload.device_key, device.id);
  assert.equal((await fetchDevices()).length, 2);
  await forgetDevice();
  assert.equal((await fetchDevices()).length, 1);
  assert.equal((await fetchAuthSession({ forceRefresh: true })).tokens, undefined); // the session was the device's
});

test('CUSTOM_AUTH, with a password before it and without', async () => {
  const stack = await app(
    { LambdaConfig: lambdaConfig, DeviceConfiguration: { ChallengeRequiredOnNewDevice: false, DeviceOnlyRememberedOnUserPrompt: false } },
    { ExplicitAuthFlows: ['ALLOW_CUSTOM_AUTH', 'ALLOW_USER_SRP_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'] },
  );
  await person(stack, 'ann');
  let device;
  for (const authFlowType of ['CUSTOM_WITHOUT_SRP', 'CUSTOM_WITH_SRP']) {
    const options = { authFlowType };
    const secret = authFlowType === 'CUSTOM_WITH_SRP' ? password : '';
    const asked = () => asks(begin('ann', options, secret), 'CONFIRM_SIGN_IN_WITH_CUSTOM_CHALLENGE');
    if (secret) await refused(begin('ann', options, 'Wrong-Password-0'), 'NotAuthorizedException', incorrect);
    await refused(begin('nobody', options, secret), 'UserNotFoundException', 'User does not exist.');

    // Wrong answers, and then a right one.
    const first = await asked();
    assert.equal(first.additionalInfo.greeting, 'Hello, you!');
    assert.equal(first.additionalInfo.answer, undefined);
    const second = await asks(answer('0', { clientMetadata: { nick: 'Annie' } }), 'CONFIRM_SIGN_IN_WITH_CUSTOM_CHALLENGE');
    assert.equal(second.additionalInfo.greeting, 'Hello, Annie!');
    assert.notEqual(second.additionalInfo.question, first.additionalInfo.question);
    const tokens = await done(answer(sum(second.additionalInfo.question)), 'ann');
    // The first sign-in makes the browser a device of hers, which later ones
    // prove: with another secret it would be refused.
    assert.equal(tokens.accessToken.payload.device_key, device ?? tokens.accessToken.payload.device_key);
    device = tokens.accessToken.payload.device_key;
    assert.equal((await fetchDevices()).length, 1);
    await signOut();

    await asked();
    await asks(answer('0'), 'CONFIRM_SIGN_IN_WITH_CUSTOM_CHALLENGE');
    await asks(answer('0'), 'CONFIRM_SIGN_IN_WITH_CUSTOM_CHALLENGE');
    await refused(answer('0'), 'NotAuthorizedException', incorrect);
    await refused(answer('0'), 'NotAuthorizedException', 'Invalid session for the user.');
  }
  const plain = await app();
  await person(plain, 'ann');
  await refused(begin('ann', { authFlowType: 'CUSTOM_WITHOUT_SRP' }, ''), 'InvalidParameterException');
});

test('passkeys', async () => {
  const stack = await app(
    { Policies: { SignInPolicy: { AllowedFirstAuthFactors: ['PASSWORD', 'WEB_AUTHN'] } } },
    { ExplicitAuthFlows: ['ALLOW_USER_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'] },
  );
  await idp.send(new SetUserPoolMfaConfigCommand({
    UserPoolId: stack.userPoolId, WebAuthnConfiguration: { RelyingPartyId: 'localhost', UserVerification: 'required' },
  }));
  await person(stack, 'ann');
  const kept = new Map();
  const at = (origin, f) => passkeys(origin, kept, f);
  const page = 'http://localhost:3000';
  const prefer = () => begin('ann', { authFlowType: 'USER_AUTH', preferredChallenge: 'WEB_AUTHN' }, '');
  await refused(associateWebAuthnCredential(), 'UserUnAuthenticatedException');
  await asks(prefer(), 'CONTINUE_SIGN_IN_WITH_FIRST_FACTOR_SELECTION'); // there is none to begin with
  await done(begin('ann', { authFlowType: 'USER_AUTH', preferredChallenge: 'PASSWORD' }), 'ann');

  await refused(at('http://example.com', associateWebAuthnCredential), 'WebAuthnOriginNotAllowedException');
  kept.clear();
  await at(page, associateWebAuthnCredential);
  await refused(at(page, associateWebAuthnCredential), 'PasskeyAlreadyExists'); // the browser's own refusal
  const { credentials: [passkey, ...more] } = await listWebAuthnCredentials();
  assert.deepEqual(more, []);
  assert.ok(kept.has(passkey.credentialId));
  assert.equal(passkey.relyingPartyId, 'localhost');
  assert.deepEqual(passkey.authenticatorTransports, ['internal']);
  assert.ok(passkey.createdAt instanceof Date);
  await signOut();

  await done(at(page, prefer), 'ann');
  await signOut();
  await asks(begin('ann', { authFlowType: 'USER_AUTH' }, ''), 'CONTINUE_SIGN_IN_WITH_FIRST_FACTOR_SELECTION',
    { availableChallenges: ['PASSWORD_SRP', 'PASSWORD', 'WEB_AUTHN'] });
  await done(at(page, () => answer('WEB_AUTHN')), 'ann');
  await signOut();
  await refused(at('http://example.com', prefer), 'NotAuthorizedException');
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const own = kept.get(passkey.credentialId);
  kept.set(passkey.credentialId, { ...own, privateKey });
  await refused(at(page, prefer), 'NotAuthorizedException'); // another's key
  kept.set(passkey.credentialId, own);

  await done(begin('ann', { authFlowType: 'USER_AUTH', preferredChallenge: 'PASSWORD' }), 'ann');
  await refused(deleteWebAuthnCredential({ credentialId: passkey.credentialId.replace(/^./, (c) => (c === 'A' ? 'B' : 'A')) }), 'ResourceNotFoundException');
  await deleteWebAuthnCredential({ credentialId: passkey.credentialId });
  assert.deepEqual((await listWebAuthnCredentials()).credentials, []);
  await signOut();
  await asks(at(page, prefer), 'CONTINUE_SIGN_IN_WITH_FIRST_FACTOR_SELECTION');
});

test('users whose name is their address', async () => {
  const stack = await app(
    {
      ...messages, UsernameAttributes: ['email'], Policies: { SignInPolicy: { AllowedFirstAuthFactors: ['PASSWORD', 'EMAIL_OTP'] } },
      DeviceConfiguration: { ChallengeRequiredOnNewDevice: true, DeviceOnlyRememberedOnUserPrompt: false },
    },
    { ExplicitAuthFlows: ['ALLOW_USER_SRP_AUTH', 'ALLOW_USER_PASSWORD_AUTH', 'ALLOW_USER_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'] },
  );
  await factors(stack, 'OPTIONAL', 'totp');
  const name = 'ann@example.com';
  const { userId } = await signUp({ username: name, password, options: { userAttributes: { email: name } } });
  await confirmSignUp({ username: name, confirmationCode: await code(name) });
  await asks(begin(name, { authFlowType: 'USER_AUTH', preferredChallenge: 'EMAIL_OTP' }, ''), 'CONFIRM_SIGN_IN_WITH_EMAIL_CODE');
  const sent = await code(name);
  await refused(answer(altered(sent)), 'CodeMismatchException');
  await asks(answer(sent), 'DONE');
  assert.equal((await getCurrentUser()).userId, userId);
  await signOut();

  cognitoUserPoolsTokenProvider.setKeyValueStorage(memory());
  await refused(begin(name, {}, 'Wrong-Password-0'), 'NotAuthorizedException', incorrect);
  const { accessToken } = await done(begin(name), userId);
  const { sharedSecret } = await setUpTOTP();
  await verifyTOTPSetup({ code: await totp(sharedSecret) });
  await updateMFAPreference({ totp: 'PREFERRED' });
  await signOut();
  const on = await done(begin(name), userId); // the device in place of the code
  assert.equal(on.accessToken.payload.device_key, accessToken.payload.device_key);
  assert.ok((await fetchAuthSession({ forceRefresh: true })).tokens);
  await signOut();

  for (const authFlowType of ['USER_SRP_AUTH', 'USER_PASSWORD_AUTH']) {
    cognitoUserPoolsTokenProvider.setKeyValueStorage(memory());
    await asks(begin(name, { authFlowType }), 'CONFIRM_SIGN_IN_WITH_TOTP_CODE');
    await refused(answer(altered(await nextTotp(sharedSecret))), 'CodeMismatchException');
    await done(answer(await totp(sharedSecret)), userId);
    await signOut();
  }
  await resetPassword({ username: name });
  await confirmResetPassword({ username: name, newPassword: 'Battery-Staple-8', confirmationCode: await code(name) });
  await refused(begin(name), 'NotAuthorizedException', incorrect);
});
