// What the client tests share: where the server is, and the stacks of the
// walk-throughs, made through the public API with AWS's SDK (v3).
//
// The environment says where: GATEHOUSE_URL, AWS_REGION, AWS_ACCESS_KEY_ID and
// AWS_SECRET_ACCESS_KEY (of root). The Go test beside this file sets it.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import {
  AdminCreateUserCommand, AdminSetUserPasswordCommand, CognitoIdentityProviderClient, CreateUserPoolClientCommand, CreateUserPoolCommand,
  SetUserPoolMfaConfigCommand,
} from '@aws-sdk/client-cognito-identity-provider';
import {
  CognitoIdentityClient, CreateIdentityPoolCommand, SetIdentityPoolRolesCommand,
} from '@aws-sdk/client-cognito-identity';
import { AttachRolePolicyCommand, CreateRoleCommand, IAMClient, PutRolePolicyCommand } from '@aws-sdk/client-iam';
import {
  CreateBucketCommand, DeletePublicAccessBlockCommand, PutBucketCorsCommand, PutObjectCommand, S3Client,
} from '@aws-sdk/client-s3';

const need = (name) => {
  assert.ok(process.env[name], `${name} is not set: run these tests through \`go test ./test/clients\``);
  return process.env[name];
};

export const url = need('GATEHOUSE_URL');
export const account = need('GATEHOUSE_ACCOUNT');
export const region = need('AWS_REGION');
export const root = { accessKeyId: need('AWS_ACCESS_KEY_ID'), secretAccessKey: need('AWS_SECRET_ACCESS_KEY') };
export const v3 = { region, endpoint: url, credentials: root, maxAttempts: 1 };

export const idp = new CognitoIdentityProviderClient(v3);
export const identity = new CognitoIdentityClient(v3);
export const iam = new IAMClient(v3);
export const s3 = new S3Client({ ...v3, forcePathStyle: true });

export const password = 'Correct-Horse-7';
export const s3FullAccess = 'arn:aws:iam::aws:policy/AmazonS3FullAccess';

// code is the newest code that was sent to an address.
export async function code(to) {
  const messages = await (await fetch(`${url}/_gatehouse/outbox?to=${encodeURIComponent(to)}`)).json();
  const message = messages.find((m) => m.code);
  assert.ok(message, `no code was sent to ${to}`);
  return message.code;
}

// altered is a code that is not the one that was sent.
export const altered = (text) => (text[0] === '0' ? '1' : '0') + text.slice(1);

// totp is what an authenticator app shows at the server's time (RFC 6238).
export async function totp(secret) {
  const { now } = await (await fetch(`${url}/_gatehouse/clock`)).json();
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const key = Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)));
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.parse(now) / 30000)));
  const mac = createHmac('sha1', key).update(step).digest();
  const number = mac.readUInt32BE(mac[19] & 15) & 0x7fffffff;
  return String(number % 1000000).padStart(6, '0');
}

// nextTotp is the app's next code: the one of now has been used. It moves the
// clock; SRP's time stamps may be five minutes off, so a program has nine.
export async function nextTotp(secret) {
  await advance('30s');
  return totp(secret);
}

// advance moves the server's clock.
export async function advance(by) {
  const answer = await fetch(`${url}/_gatehouse/clock`, { method: 'POST', body: JSON.stringify({ advance: by }) });
  assert.equal(answer.status, 200);
}

// userPool makes a pool and a client. changes are further members of both.
export async function userPool(pool = {}, client = {}) {
  const { UserPool } = await idp.send(new CreateUserPoolCommand({ PoolName: 'people', AutoVerifiedAttributes: ['email'], ...pool }));
  const { UserPoolClient } = await idp.send(new CreateUserPoolClientCommand({ UserPoolId: UserPool.Id, ClientName: 'app', ...client }));
  return {
    userPoolId: UserPool.Id, clientId: UserPoolClient.ClientId, clientSecret: UserPoolClient.ClientSecret,
    provider: `cognito-idp.${region}.amazonaws.com/${UserPool.Id}`,
  };
}

// messages are the settings of a pool that sends text messages, and mails of
// its own, without which AWS allows no codes by mail for signing in.
export const messages = {
  SmsConfiguration: { SnsCallerArn: `arn:aws:iam::${account}:role/sms` },
  EmailConfiguration: { EmailSendingAccount: 'DEVELOPER', SourceArn: `arn:aws:ses:${region}:${account}:identity/example.com` },
};

// factors sets the second factors of a pool: of sms, totp and email.
export const factors = (pool, mode, ...names) => idp.send(new SetUserPoolMfaConfigCommand({
  UserPoolId: pool.userPoolId, MfaConfiguration: mode, SoftwareTokenMfaConfiguration: { Enabled: names.includes('totp') },
  ...(names.includes('sms') && { SmsMfaConfiguration: { SmsAuthenticationMessage: 'The code is {####}.' } }),
  ...(names.includes('email') && { EmailMfaConfiguration: { Subject: 'A code', Message: 'The code is {####}.' } }),
}));

// person makes a user who can sign in with the password.
export async function person(pool, Username, attributes = { email: `${Username}@example.com`, email_verified: 'true' }) {
  await idp.send(new AdminCreateUserCommand({
    UserPoolId: pool.userPoolId, Username, MessageAction: 'SUPPRESS',
    UserAttributes: Object.entries(attributes).map(([Name, Value]) => ({ Name, Value })),
  }));
  await idp.send(new AdminSetUserPasswordCommand({ UserPoolId: pool.userPoolId, Username, Password: password, Permanent: true }));
}

// identityPool makes an identity pool over a user pool, and its role, whose
// inline policy allows what it is given.
export async function identityPool(pool, name, allow = [{ Effect: 'Allow', Action: 'cognito-identity:*', Resource: '*' }]) {
  const { IdentityPoolId } = await identity.send(new CreateIdentityPoolCommand({
    IdentityPoolName: name, AllowUnauthenticatedIdentities: false,
    CognitoIdentityProviders: [{ ProviderName: pool.provider, ClientId: pool.clientId }],
  }));
  const roleName = `Cognito_${name}Auth_Role`;
  const { Role } = await iam.send(new CreateRoleCommand({
    RoleName: roleName, AssumeRolePolicyDocument: JSON.stringify({
      Version: '2012-10-17', Statement: [{
        Effect: 'Allow', Principal: { Federated: 'cognito-identity.amazonaws.com' }, Action: 'sts:AssumeRoleWithWebIdentity',
        Condition: {
          StringEquals: { 'cognito-identity.amazonaws.com:aud': IdentityPoolId },
          'ForAnyValue:StringLike': { 'cognito-identity.amazonaws.com:amr': 'authenticated' },
        },
      }],
    }),
  }));
  await iam.send(new PutRolePolicyCommand({
    RoleName: roleName, PolicyName: 'oneClick', PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: allow }),
  }));
  await identity.send(new SetIdentityPoolRolesCommand({ IdentityPoolId, Roles: { authenticated: Role.Arn } }));
  return { identityPoolId: IdentityPoolId, roleName, roleArn: Role.Arn };
}

export const allowS3 = (roleName) => iam.send(new AttachRolePolicyCommand({ RoleName: roleName, PolicyArn: s3FullAccess }));

// bucket makes a bucket that may hold public objects, with CORS for origins.
export async function bucket(name, objects = {}, origins = ['*']) {
  await s3.send(new CreateBucketCommand({ Bucket: name, ObjectOwnership: 'ObjectWriter' }));
  await s3.send(new DeletePublicAccessBlockCommand({ Bucket: name }));
  await s3.send(new PutBucketCorsCommand({
    Bucket: name, CORSConfiguration: { CORSRules: [{ AllowedOrigins: origins, AllowedMethods: ['GET', 'HEAD'], AllowedHeaders: ['*'] }] },
  }));
  for (const [Key, Body] of Object.entries(objects)) await s3.send(new PutObjectCommand({ Bucket: name, Key, Body }));
}

// refused wants a promise to fail with a code (SDK v2, cognito-identity-js) or
// name (SDK v3), and with a message.
export async function refused(promise, name, message) {
  await assert.rejects(promise, (err) => {
    assert.equal(err.code && err.code !== 'UnknownError' ? err.code : err.name, name, `${err.name}: ${err.message}`);
    if (message !== undefined) (message instanceof RegExp ? assert.match : assert.equal)(err.message, message);
    return true;
  });
}
