// aws-jwt-verify on tokens of a server that is started with --issuer aws: the
// verifier of Cognito takes no other issuer.
import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import { CognitoJwtVerifier } from 'aws-jwt-verify';
import { AdminConfirmSignUpCommand, InitiateAuthCommand, SignUpCommand } from '@aws-sdk/client-cognito-identity-provider';
import { idp, password, url, userPool } from './stack.mjs';

let stack, tokens, keys;

before(async () => {
  stack = await userPool({}, { ExplicitAuthFlows: ['ALLOW_USER_PASSWORD_AUTH'] });
  await idp.send(new SignUpCommand({ ClientId: stack.clientId, Username: 'ann', Password: password }));
  await idp.send(new AdminConfirmSignUpCommand({ UserPoolId: stack.userPoolId, Username: 'ann' }));
  const { AuthenticationResult } = await idp.send(new InitiateAuthCommand({
    ClientId: stack.clientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: 'ann', PASSWORD: password },
  }));
  tokens = AuthenticationResult;
  keys = await (await fetch(`${url}/${stack.userPoolId}/.well-known/jwks.json`)).json();
});

function verifier(tokenUse, clientId = stack.clientId, userPoolId = stack.userPoolId) {
  const v = CognitoJwtVerifier.create({ userPoolId, tokenUse, clientId });
  v.cacheJwks(keys);
  return v;
}

test('CognitoJwtVerifier takes what is right', async () => {
  const id = await verifier('id').verify(tokens.IdToken);
  assert.equal(id['cognito:username'], 'ann');
  const access = await verifier('access').verify(tokens.AccessToken);
  assert.equal(access.username, 'ann');
  assert.equal(access.sub, id.sub);
});

test('and refuses what is not', async () => {
  await assert.rejects(verifier('access').verify(tokens.IdToken), /Token use not allowed/);
  await assert.rejects(verifier('id').verify(tokens.AccessToken), /Token use not allowed/);
  await assert.rejects(verifier('id', 'anotherclient').verify(tokens.IdToken), /not allowed/);
  const parts = tokens.IdToken.split('.');
  const altered = [parts[0], parts[1], (parts[2][0] === 'A' ? 'B' : 'A') + parts[2].slice(1)].join('.');
  await assert.rejects(verifier('id').verify(altered), /signature/i);
});
