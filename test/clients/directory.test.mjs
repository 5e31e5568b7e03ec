// The directory through AWS's SDK for JavaScript v3: every operation of
// cognito-idp that is written, what each answers, and for each family one
// refusal with its own exception. directory.py and directory_cli_test.go do the
// same in their languages; test/conformance holds the three to being complete.
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { before, test } from 'node:test';
import {
  AddCustomAttributesCommand, AddUserPoolClientSecretCommand, AdminAddUserToGroupCommand, AdminConfirmSignUpCommand, AdminCreateUserCommand,
  AdminDeleteUserAttributesCommand, AdminDeleteUserCommand, AdminDisableProviderForUserCommand, AdminDisableUserCommand, AdminEnableUserCommand,
  AdminForgetDeviceCommand, AdminGetDeviceCommand, AdminGetUserCommand, AdminInitiateAuthCommand, AdminLinkProviderForUserCommand,
  AdminListDevicesCommand, AdminListGroupsForUserCommand, AdminListUserAuthEventsCommand, AdminRemoveUserFromGroupCommand,
  AdminResetUserPasswordCommand, AdminRespondToAuthChallengeCommand, AdminSetUserMFAPreferenceCommand, AdminSetUserPasswordCommand,
  AdminSetUserSettingsCommand, AdminUpdateAuthEventFeedbackCommand, AdminUpdateDeviceStatusCommand, AdminUpdateUserAttributesCommand,
  AdminUserGlobalSignOutCommand, AliasExistsException, AssociateSoftwareTokenCommand, ChangePasswordCommand, CodeMismatchException,
  CompleteWebAuthnRegistrationCommand, ConfirmDeviceCommand, ConfirmForgotPasswordCommand, ConfirmSignUpCommand, CreateGroupCommand,
  CreateIdentityProviderCommand, CreateManagedLoginBrandingCommand, CreateResourceServerCommand, CreateTermsCommand, CreateUserImportJobCommand,
  CreateUserPoolClientCommand, CreateUserPoolCommand, CreateUserPoolDomainCommand, DeleteGroupCommand, DeleteIdentityProviderCommand,
  DeleteManagedLoginBrandingCommand, DeleteResourceServerCommand, DeleteTermsCommand, DeleteUserAttributesCommand, DeleteUserCommand,
  DeleteUserPoolClientCommand, DeleteUserPoolClientSecretCommand, DeleteUserPoolCommand, DeleteUserPoolDomainCommand,
  DeleteWebAuthnCredentialCommand, DescribeIdentityProviderCommand, DescribeManagedLoginBrandingByClientCommand, DescribeManagedLoginBrandingCommand,
  DescribeResourceServerCommand, DescribeRiskConfigurationCommand, DescribeTermsCommand, DescribeUserImportJobCommand, DescribeUserPoolClientCommand,
  DescribeUserPoolCommand, DescribeUserPoolDomainCommand, DeviceKeyExistsException, DuplicateProviderException, EnableSoftwareTokenMFAException,
  FeatureUnavailableInTierException, ForgetDeviceCommand, ForgotPasswordCommand, GetCSVHeaderCommand, GetDeviceCommand, GetGroupCommand,
  GetIdentityProviderByIdentifierCommand, GetLogDeliveryConfigurationCommand, GetSigningCertificateCommand, GetTokensFromRefreshTokenCommand,
  GetUICustomizationCommand, GetUserAttributeVerificationCodeCommand, GetUserAuthFactorsCommand, GetUserCommand, GetUserPoolMfaConfigCommand,
  GlobalSignOutCommand, GroupExistsException, InitiateAuthCommand, InvalidParameterException, InvalidPasswordException, ListDevicesCommand,
  ListGroupsCommand, ListIdentityProvidersCommand, ListResourceServersCommand, ListTagsForResourceCommand, ListTermsCommand,
  ListUserImportJobsCommand, ListUserPoolClientSecretsCommand, ListUserPoolClientsCommand, ListUserPoolsCommand, ListUsersCommand,
  ListUsersInGroupCommand, ListWebAuthnCredentialsCommand, ManagedLoginBrandingExistsException, NotAuthorizedException, PreconditionNotMetException,
  ResendConfirmationCodeCommand, ResourceNotFoundException, RespondToAuthChallengeCommand, RevokeTokenCommand, ScopeDoesNotExistException,
  SetLogDeliveryConfigurationCommand, SetRiskConfigurationCommand, SetUICustomizationCommand, SetUserMFAPreferenceCommand,
  SetUserPoolMfaConfigCommand, SetUserSettingsCommand, SignUpCommand, SoftwareTokenMFANotFoundException, StartUserImportJobCommand,
  StartWebAuthnRegistrationCommand, StopUserImportJobCommand, TagResourceCommand, TermsExistsException, UntagResourceCommand,
  UpdateAuthEventFeedbackCommand, UpdateDeviceStatusCommand, UpdateGroupCommand, UpdateIdentityProviderCommand, UpdateManagedLoginBrandingCommand,
  UpdateResourceServerCommand, UpdateTermsCommand, UpdateUserAttributesCommand, UpdateUserPoolClientCommand, UpdateUserPoolCommand,
  UpdateUserPoolDomainCommand, UserNotFoundException, UserPoolAddOnNotEnabledException, UsernameExistsException, VerifySoftwareTokenCommand,
  VerifyUserAttributeCommand, WebAuthnChallengeNotFoundException, WebAuthnConfigurationMissingException, WebAuthnNotEnabledException,
  paginateListGroups, paginateListUserPools, paginateListUsers,
} from '@aws-sdk/client-cognito-identity-provider';
import { account, code, idp, password, region } from './stack.mjs';

const missingPool = `${region}_000000000`;
let pool; // the pool that the tests share
let client; // its client
const inPool = (more = {}) => ({ UserPoolId: pool, ...more });
const ofUser = (Username, more = {}) => inPool({ Username, ...more });

// fails wants an exception of the SDK's own class, and its message.
async function fails(promise, kind, message) {
  await assert.rejects(promise, (err) => {
    assert.ok(err instanceof kind, `${err.name}: ${err.message}, want ${kind.name}`);
    if (message !== undefined) (message instanceof RegExp ? assert.match : assert.equal)(err.message, message);
    return true;
  });
}

const value = (attributes, name) => attributes.find((a) => a.Name === name)?.Value;
const pairs = (attributes) => Object.entries(attributes).map(([Name, Value]) => ({ Name, Value }));
const status = async (name) => (await idp.send(new AdminGetUserCommand(ofUser(name)))).UserStatus;

async function signIn(name, secret = password) {
  const { AuthenticationResult } = await idp.send(new InitiateAuthCommand({
    ClientId: client, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: name, PASSWORD: secret },
  }));
  return AuthenticationResult;
}

// person makes a user who can sign in.
async function person(name, attributes = {}) {
  await idp.send(new AdminCreateUserCommand(ofUser(name, {
    MessageAction: 'SUPPRESS', UserAttributes: pairs({ email: `${name}@example.com`, email_verified: 'true', ...attributes }),
  })));
  await idp.send(new AdminSetUserPasswordCommand(ofUser(name, { Password: password, Permanent: true })));
}

before(async () => {
  const { UserPool } = await idp.send(new CreateUserPoolCommand({
    PoolName: 'directory', AutoVerifiedAttributes: ['email'], AliasAttributes: ['email'],
    Schema: [{ Name: 'team', AttributeDataType: 'String', Mutable: true, StringAttributeConstraints: { MinLength: '1', MaxLength: '10' } }],
  }));
  pool = UserPool.Id;
  const { UserPoolClient } = await idp.send(new CreateUserPoolClientCommand(inPool({
    ClientName: 'app', ExplicitAuthFlows: ['ALLOW_USER_PASSWORD_AUTH', 'ALLOW_ADMIN_USER_PASSWORD_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'],
  })));
  client = UserPoolClient.ClientId;
});

test('pools', async () => {
  const { UserPool: made } = await idp.send(new CreateUserPoolCommand({
    PoolName: 'short-lived', DeletionProtection: 'ACTIVE', UserPoolTags: { team: 'a' }, Policies: { PasswordPolicy: { MinimumLength: 12 } },
  }));
  assert.match(made.Id, new RegExp(`^${region}_[0-9A-Za-z]{9}$`));
  assert.ok(made.CreationDate instanceof Date);
  const described = (await idp.send(new DescribeUserPoolCommand({ UserPoolId: made.Id }))).UserPool;
  assert.equal(described.Name, 'short-lived');
  assert.equal(described.Policies.PasswordPolicy.MinimumLength, 12);
  assert.equal(described.Arn, `arn:aws:cognito-idp:${region}:${account}:userpool/${made.Id}`);
  assert.equal(described.EstimatedNumberOfUsers, 0);

  const listed = [];
  for await (const page of paginateListUserPools({ client: idp, pageSize: 1 }, {})) {
    assert.ok(page.UserPools.length <= 1);
    listed.push(...page.UserPools.map((p) => p.Id));
  }
  assert.deepEqual(listed.toSorted(), [pool, made.Id].toSorted());
  assert.equal((await idp.send(new ListUserPoolsCommand({ MaxResults: 60 }))).UserPools.length, 2);

  await idp.send(new AddCustomAttributesCommand({ UserPoolId: made.Id, CustomAttributes: [{ Name: 'size', AttributeDataType: 'Number', Mutable: true }] }));
  const { SchemaAttributes } = (await idp.send(new DescribeUserPoolCommand({ UserPoolId: made.Id }))).UserPool;
  assert.equal(SchemaAttributes.find((a) => a.Name === 'custom:size').AttributeDataType, 'Number');

  const ResourceArn = described.Arn;
  const tags = async () => (await idp.send(new ListTagsForResourceCommand({ ResourceArn }))).Tags;
  await idp.send(new TagResourceCommand({ ResourceArn, Tags: { stage: 'test' } }));
  assert.deepEqual(await tags(), { team: 'a', stage: 'test' });
  await idp.send(new UntagResourceCommand({ ResourceArn, TagKeys: ['team'] }));
  assert.deepEqual(await tags(), { stage: 'test' });

  await fails(idp.send(new DeleteUserPoolCommand({ UserPoolId: made.Id })), InvalidParameterException, /deletion protection is activated/);
  await idp.send(new UpdateUserPoolCommand({ UserPoolId: made.Id, DeletionProtection: 'INACTIVE' }));
  const updated = (await idp.send(new DescribeUserPoolCommand({ UserPoolId: made.Id }))).UserPool;
  assert.equal(updated.DeletionProtection, 'INACTIVE');
  assert.equal(updated.Policies.PasswordPolicy.MinimumLength, 8, 'what an update leaves out is reset');
  await idp.send(new DeleteUserPoolCommand({ UserPoolId: made.Id }));
  await fails(idp.send(new DescribeUserPoolCommand({ UserPoolId: made.Id })), ResourceNotFoundException, `User pool ${made.Id} does not exist.`);
});

test('clients and their secrets', async () => {
  const { UserPoolClient: made } = await idp.send(new CreateUserPoolClientCommand(inPool({
    ClientName: 'confidential', GenerateSecret: true, AccessTokenValidity: 30, TokenValidityUnits: { AccessToken: 'minutes' },
  })));
  const ClientId = made.ClientId;
  const of = (more = {}) => inPool({ ClientId, ...more });
  const described = (await idp.send(new DescribeUserPoolClientCommand(of()))).UserPoolClient;
  assert.equal(described.ClientName, 'confidential');
  assert.equal(described.ClientSecret, made.ClientSecret);
  assert.equal(described.AccessTokenValidity, 30);
  const ids = (await idp.send(new ListUserPoolClientsCommand(inPool({ MaxResults: 60 })))).UserPoolClients.map((c) => c.ClientId);
  assert.deepEqual(ids.toSorted(), [client, ClientId].toSorted());
  const updated = (await idp.send(new UpdateUserPoolClientCommand(of({ ClientName: 'renamed' })))).UserPoolClient;
  assert.equal(updated.ClientName, 'renamed');
  await fails(idp.send(new UpdateUserPoolClientCommand(of({ AllowedOAuthScopes: ['none/such'] }))), ScopeDoesNotExistException);

  const added = (await idp.send(new AddUserPoolClientSecretCommand(of()))).ClientSecretDescriptor;
  assert.ok(added.ClientSecretValue);
  const secrets = async () => (await idp.send(new ListUserPoolClientSecretsCommand(of()))).ClientSecrets.map((s) => s.ClientSecretId);
  const both = await secrets();
  assert.equal(both.length, 2);
  assert.ok(both.includes(added.ClientSecretId));
  await idp.send(new DeleteUserPoolClientSecretCommand(of({ ClientSecretId: added.ClientSecretId })));
  assert.deepEqual(await secrets(), both.filter((id) => id !== added.ClientSecretId));

  await idp.send(new DeleteUserPoolClientCommand(of()));
  await fails(idp.send(new DescribeUserPoolClientCommand(of())), ResourceNotFoundException, `User pool client ${ClientId} does not exist.`);
});

test('users, by an administrator', async () => {
  const { User } = await idp.send(new AdminCreateUserCommand(ofUser('jane', {
    DesiredDeliveryMediums: ['EMAIL'], UserAttributes: pairs({ email: 'jane@example.com', email_verified: 'true', 'custom:team': 'red', name: 'Jane' }),
  })));
  assert.equal(User.UserStatus, 'FORCE_CHANGE_PASSWORD');
  assert.ok(User.Enabled);
  assert.equal(value(User.Attributes, 'custom:team'), 'red');
  await fails(idp.send(new AdminCreateUserCommand(ofUser('jane'))), UsernameExistsException, 'User account already exists');
  await fails(idp.send(new AdminGetUserCommand(ofUser('nobody'))), UserNotFoundException, 'User does not exist.');

  // The invitation's password opens one door: to a new one.
  const first = await idp.send(new AdminInitiateAuthCommand(inPool({
    ClientId: client, AuthFlow: 'ADMIN_USER_PASSWORD_AUTH', AuthParameters: { USERNAME: 'jane', PASSWORD: await code('jane@example.com') },
  })));
  assert.equal(first.ChallengeName, 'NEW_PASSWORD_REQUIRED');
  const done = await idp.send(new AdminRespondToAuthChallengeCommand(inPool({
    ClientId: client, ChallengeName: 'NEW_PASSWORD_REQUIRED', Session: first.Session, ChallengeResponses: { USERNAME: 'jane', NEW_PASSWORD: password },
  })));
  assert.ok(done.AuthenticationResult.AccessToken);
  assert.equal(await status('jane'), 'CONFIRMED');

  await idp.send(new AdminUpdateUserAttributesCommand(ofUser('jane', { UserAttributes: pairs({ 'custom:team': 'blue', given_name: 'J' }) })));
  await idp.send(new AdminDeleteUserAttributesCommand(ofUser('jane', { UserAttributeNames: ['given_name'] })));
  const jane = await idp.send(new AdminGetUserCommand(ofUser('jane')));
  assert.equal(value(jane.UserAttributes, 'custom:team'), 'blue');
  assert.equal(value(jane.UserAttributes, 'given_name'), undefined);
  await fails(idp.send(new AdminUpdateUserAttributesCommand(ofUser('jane', { UserAttributes: pairs({ 'custom:team': 'much-too-long' }) }))), InvalidParameterException);

  await idp.send(new AdminDisableUserCommand(ofUser('jane')));
  assert.equal((await idp.send(new AdminGetUserCommand(ofUser('jane')))).Enabled, false);
  await fails(signIn('jane'), NotAuthorizedException, 'User is disabled.');
  await idp.send(new AdminEnableUserCommand(ofUser('jane')));
  const { RefreshToken } = await signIn('jane');
  await idp.send(new AdminUserGlobalSignOutCommand(ofUser('jane')));
  await fails(idp.send(new InitiateAuthCommand({ ClientId: client, AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: { REFRESH_TOKEN: RefreshToken } })), NotAuthorizedException);

  await idp.send(new AdminSetUserPasswordCommand(ofUser('jane', { Password: 'Battery-Staple-8', Permanent: false })));
  assert.equal(await status('jane'), 'FORCE_CHANGE_PASSWORD');
  const again = await idp.send(new InitiateAuthCommand({ ClientId: client, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: 'jane', PASSWORD: 'Battery-Staple-8' } }));
  const answered = await idp.send(new RespondToAuthChallengeCommand({
    ClientId: client, ChallengeName: again.ChallengeName, Session: again.Session, ChallengeResponses: { USERNAME: 'jane', NEW_PASSWORD: password },
  }));
  assert.ok(answered.AuthenticationResult.IdToken);
  await fails(idp.send(new AdminSetUserPasswordCommand(ofUser('jane', { Password: 'weak', Permanent: true }))), InvalidPasswordException);

  await idp.send(new AdminResetUserPasswordCommand(ofUser('jane')));
  assert.equal(await status('jane'), 'RESET_REQUIRED');
  await idp.send(new ConfirmForgotPasswordCommand({ ClientId: client, Username: 'jane', ConfirmationCode: await code('jane@example.com'), Password: password }));
  assert.equal(await status('jane'), 'CONFIRMED');

  await idp.send(new AdminDeleteUserCommand(ofUser('jane')));
  await fails(idp.send(new AdminDeleteUserCommand(ofUser('jane'))), UserNotFoundException, 'User does not exist.');
});

test('users, by themselves', async () => {
  const signUp = (Username) => idp.send(new SignUpCommand({ ClientId: client, Username, Password: password, UserAttributes: pairs({ email: `${Username}@example.com` }) }));
  const made = await signUp('ann');
  assert.equal(made.UserConfirmed, false);
  assert.equal(made.CodeDeliveryDetails.Destination, 'a***@e***');
  assert.equal(await status('ann'), 'UNCONFIRMED');
  await fails(signUp('ann'), UsernameExistsException, 'User already exists');
  const confirm = (ConfirmationCode) => idp.send(new ConfirmSignUpCommand({ ClientId: client, Username: 'ann', ConfirmationCode }));
  const { CodeDeliveryDetails } = await idp.send(new ResendConfirmationCodeCommand({ ClientId: client, Username: 'ann' }));
  assert.equal(CodeDeliveryDetails.AttributeName, 'email');
  const sent = await code('ann@example.com');
  await fails(confirm(String((Number(sent[0]) + 1) % 10) + sent.slice(1)), CodeMismatchException, 'Invalid verification code provided, please try again.');
  await confirm(sent);
  assert.equal(await status('ann'), 'CONFIRMED');
  await signUp('ben');
  await idp.send(new AdminConfirmSignUpCommand(ofUser('ben')));
  assert.equal(await status('ben'), 'CONFIRMED');

  const { AccessToken, RefreshToken } = await signIn('ann@example.com');
  const own = async () => (await idp.send(new GetUserCommand({ AccessToken }))).UserAttributes;
  assert.equal(value(await own(), 'email_verified'), 'true');
  const change = (attributes) => idp.send(new UpdateUserAttributesCommand({ AccessToken, UserAttributes: pairs(attributes) }));
  const { CodeDeliveryDetailsList } = await change({ email: 'new@example.com', nickname: 'Annie' });
  assert.deepEqual(CodeDeliveryDetailsList.map((d) => [d.AttributeName, d.Destination]), [['email', 'n***@e***']]);
  assert.equal(value(await own(), 'email_verified'), 'false');
  await idp.send(new GetUserAttributeVerificationCodeCommand({ AccessToken, AttributeName: 'email' }));
  await idp.send(new VerifyUserAttributeCommand({ AccessToken, AttributeName: 'email', Code: await code('new@example.com') }));
  assert.equal(value(await own(), 'email_verified'), 'true');
  await idp.send(new DeleteUserAttributesCommand({ AccessToken, UserAttributeNames: ['nickname'] }));
  assert.equal(value(await own(), 'nickname'), undefined);
  await person('carl');
  await fails(idp.send(new AdminUpdateUserAttributesCommand(ofUser('carl', { UserAttributes: pairs({ email: 'new@example.com', email_verified: 'true' }) }))), AliasExistsException);

  await idp.send(new ChangePasswordCommand({ AccessToken, PreviousPassword: password, ProposedPassword: 'Battery-Staple-8' }));
  await fails(signIn('ann'), NotAuthorizedException, 'Incorrect username or password.');
  await idp.send(new ForgotPasswordCommand({ ClientId: client, Username: 'ann' }));
  await idp.send(new ConfirmForgotPasswordCommand({ ClientId: client, Username: 'ann', ConfirmationCode: await code('new@example.com'), Password: password }));
  assert.ok((await signIn('ann')).IdToken);

  const refresh = (token) => idp.send(new InitiateAuthCommand({ ClientId: client, AuthFlow: 'REFRESH_TOKEN_AUTH', AuthParameters: { REFRESH_TOKEN: token } }));
  const revoked = await signIn('ann');
  assert.ok((await refresh(revoked.RefreshToken)).AuthenticationResult.AccessToken);
  await idp.send(new RevokeTokenCommand({ ClientId: client, Token: revoked.RefreshToken }));
  await fails(refresh(revoked.RefreshToken), NotAuthorizedException, 'Refresh Token has been revoked');
  const last = await signIn('ann');
  await idp.send(new GlobalSignOutCommand({ AccessToken: last.AccessToken }));
  await fails(refresh(last.RefreshToken), NotAuthorizedException);
  await fails(refresh(RefreshToken), NotAuthorizedException);
  const token = (await signIn('ann')).AccessToken;
  await idp.send(new DeleteUserCommand({ AccessToken: token }));
  await fails(idp.send(new GetUserCommand({ AccessToken: token })), UserNotFoundException, 'User does not exist.');
});

test('searching users', async () => {
  for (let i = 0; i < 7; i++) await person(`find-${i}`, { phone_number: `+1555000000${i}`, family_name: i < 4 ? 'Smith' : 'Smythe' });
  const names = async (Filter) => (await idp.send(new ListUsersCommand(inPool({ Filter })))).Users.map((u) => u.Username).toSorted();
  const { UserAttributes } = await idp.send(new AdminGetUserCommand(ofUser('find-3')));
  for (const [filter, want] of [
    ['email = "find-3@example.com"', ['find-3']],
    ['phone_number = "+15550000003"', ['find-3']],
    ['username = "find-3"', ['find-3']],
    [`sub = "${value(UserAttributes, 'sub')}"`, ['find-3']],
    ['family_name = "Smythe"', ['find-4', 'find-5', 'find-6']],
    ['username ^= "find-"', [0, 1, 2, 3, 4, 5, 6].map((i) => `find-${i}`)],
    ['email = "nobody@example.com"', []],
  ]) assert.deepEqual(await names(filter), want, filter);
  const seen = [];
  for await (const page of paginateListUsers({ client: idp, pageSize: 3 }, inPool({ Filter: 'family_name ^= "Sm"', AttributesToGet: ['email'] }))) {
    for (const u of page.Users) {
      assert.deepEqual(u.Attributes.map((a) => a.Name), ['email']);
      seen.push(u.Username);
    }
  }
  assert.deepEqual(seen.toSorted(), [0, 1, 2, 3, 4, 5, 6].map((i) => `find-${i}`));
  await fails(idp.send(new ListUsersCommand(inPool({ Filter: 'email = "a" or "b"' }))), InvalidParameterException);
});

test('groups', async () => {
  await person('member');
  const RoleArn = `arn:aws:iam::${account}:role/editors`;
  const { Group } = await idp.send(new CreateGroupCommand(inPool({ GroupName: 'editors', Description: 'those who edit', Precedence: 3, RoleArn })));
  assert.equal(Group.RoleArn, RoleArn);
  await fails(idp.send(new CreateGroupCommand(inPool({ GroupName: 'editors' }))), GroupExistsException, 'A group with the name already exists.');
  await idp.send(new CreateGroupCommand(inPool({ GroupName: 'readers' })));
  const { Group: updated } = await idp.send(new UpdateGroupCommand(inPool({ GroupName: 'editors', Description: 'changed', Precedence: 1 })));
  assert.equal(updated.Precedence, 1);
  assert.equal((await idp.send(new GetGroupCommand(inPool({ GroupName: 'editors' })))).Group.Description, 'changed');
  assert.deepEqual((await idp.send(new ListGroupsCommand(inPool()))).Groups.map((g) => g.GroupName), ['editors', 'readers']);
  const listed = [];
  for await (const page of paginateListGroups({ client: idp, pageSize: 1 }, inPool())) listed.push(...page.Groups.map((g) => g.GroupName));
  assert.deepEqual(listed, ['editors', 'readers']);

  await idp.send(new AdminAddUserToGroupCommand(ofUser('member', { GroupName: 'editors' })));
  const groups = async () => (await idp.send(new AdminListGroupsForUserCommand(ofUser('member')))).Groups.map((g) => g.GroupName);
  assert.deepEqual(await groups(), ['editors']);
  assert.deepEqual((await idp.send(new ListUsersInGroupCommand(inPool({ GroupName: 'editors' })))).Users.map((u) => u.Username), ['member']);
  const claims = JSON.parse(Buffer.from((await signIn('member')).IdToken.split('.')[1], 'base64url'));
  assert.deepEqual(claims['cognito:groups'], ['editors']);
  await idp.send(new AdminRemoveUserFromGroupCommand(ofUser('member', { GroupName: 'editors' })));
  assert.deepEqual(await groups(), []);
  await idp.send(new DeleteGroupCommand(inPool({ GroupName: 'editors' })));
  await fails(idp.send(new GetGroupCommand(inPool({ GroupName: 'editors' }))), ResourceNotFoundException);
});

test('resource servers', async () => {
  const Identifier = 'https://api.example.com';
  const scope = (ScopeName) => ({ ScopeName, ScopeDescription: `to ${ScopeName}` });
  const { ResourceServer } = await idp.send(new CreateResourceServerCommand(inPool({ Identifier, Name: 'api', Scopes: [scope('read')] })));
  assert.deepEqual(ResourceServer, { UserPoolId: pool, Identifier, Name: 'api', Scopes: [scope('read')] });
  await fails(idp.send(new CreateResourceServerCommand(inPool({ Identifier, Name: 'api' }))), InvalidParameterException, /already exists/);
  await idp.send(new UpdateResourceServerCommand(inPool({ Identifier, Name: 'renamed', Scopes: [scope('read'), scope('write')] })));
  const described = (await idp.send(new DescribeResourceServerCommand(inPool({ Identifier })))).ResourceServer;
  assert.equal(described.Name, 'renamed');
  assert.deepEqual(described.Scopes.map((s) => s.ScopeName), ['read', 'write']);
  assert.deepEqual((await idp.send(new ListResourceServersCommand(inPool({ MaxResults: 50 })))).ResourceServers.map((r) => r.Identifier), [Identifier]);
  await idp.send(new DeleteResourceServerCommand(inPool({ Identifier })));
  await fails(idp.send(new DescribeResourceServerCommand(inPool({ Identifier }))), ResourceNotFoundException);
});

test('identity providers', async () => {
  const ProviderName = 'Corp';
  const details = {
    client_id: 'id', client_secret: 'secret', attributes_request_method: 'GET', oidc_issuer: 'https://issuer.example.com', authorize_scopes: 'openid email',
    authorize_url: 'https://issuer.example.com/authorize', token_url: 'https://issuer.example.com/token',
    attributes_url: 'https://issuer.example.com/userinfo', jwks_uri: 'https://issuer.example.com/jwks',
  };
  const create = () => idp.send(new CreateIdentityProviderCommand(inPool({
    ProviderName, ProviderType: 'OIDC', ProviderDetails: details, AttributeMapping: { email: 'email' }, IdpIdentifiers: ['corp.example.com'],
  })));
  const { IdentityProvider } = await create();
  assert.equal(IdentityProvider.ProviderType, 'OIDC');
  assert.equal(IdentityProvider.ProviderDetails.oidc_issuer, 'https://issuer.example.com');
  await fails(create(), DuplicateProviderException);
  const byIdentifier = (await idp.send(new GetIdentityProviderByIdentifierCommand(inPool({ IdpIdentifier: 'corp.example.com' })))).IdentityProvider;
  assert.equal(byIdentifier.ProviderName, ProviderName);
  await idp.send(new UpdateIdentityProviderCommand(inPool({ ProviderName, AttributeMapping: { email: 'mail' } })));
  const described = (await idp.send(new DescribeIdentityProviderCommand(inPool({ ProviderName })))).IdentityProvider;
  assert.equal(described.AttributeMapping.email, 'mail');
  const { Providers } = await idp.send(new ListIdentityProvidersCommand(inPool()));
  assert.deepEqual(Providers.map((p) => [p.ProviderName, p.ProviderType]), [[ProviderName, 'OIDC']]);
  const { Certificate } = await idp.send(new GetSigningCertificateCommand(inPool()));
  assert.match(Certificate, /^[0-9A-Za-z+/=\s]{500,}$/);

  await person('linked');
  const source = { ProviderName, ProviderAttributeName: 'Cognito_Subject', ProviderAttributeValue: '4711' };
  const link = () => idp.send(new AdminLinkProviderForUserCommand(inPool({
    DestinationUser: { ProviderName: 'Cognito', ProviderAttributeValue: 'linked' }, SourceUser: source,
  })));
  const identities = async () => JSON.parse(value((await idp.send(new AdminGetUserCommand(ofUser('linked')))).UserAttributes, 'identities') ?? '[]');
  await link();
  await fails(link(), AliasExistsException);
  assert.deepEqual((await identities()).map((i) => [i.providerName, i.userId]), [[ProviderName, '4711']]);
  await idp.send(new AdminDisableProviderForUserCommand(inPool({ User: source })));
  assert.deepEqual(await identities(), []);

  await idp.send(new DeleteIdentityProviderCommand(inPool({ ProviderName })));
  await fails(idp.send(new DescribeIdentityProviderCommand(inPool({ ProviderName }))), ResourceNotFoundException, 'Identity provider Corp does not exist.');
});

test('domains and what their pages look like', async () => {
  const Domain = 'node-directory';
  await fails(idp.send(new SetUICustomizationCommand(inPool({ CSS: '.label-customizable{color:red}' }))), InvalidParameterException, /existing domain/);
  await idp.send(new CreateUserPoolDomainCommand(inPool({ Domain })));
  const describe = async () => (await idp.send(new DescribeUserPoolDomainCommand({ Domain }))).DomainDescription;
  assert.equal((await describe()).UserPoolId, pool);
  const { ManagedLoginVersion } = await idp.send(new UpdateUserPoolDomainCommand(inPool({ Domain, ManagedLoginVersion: 2 })));
  assert.equal(ManagedLoginVersion, 2);
  assert.equal((await describe()).ManagedLoginVersion, 2);

  const CSS = '.label-customizable{color:red}';
  const { UICustomization } = await idp.send(new SetUICustomizationCommand(inPool({ ClientId: client, CSS })));
  assert.equal(UICustomization.ClientId, client);
  assert.equal((await idp.send(new GetUICustomizationCommand(inPool({ ClientId: client })))).UICustomization.CSS, CSS);

  const Settings = { components: { pageBackground: { lightMode: { color: 'ff0000ff' } } } };
  const png = new Uint8Array(Buffer.from('iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==', 'base64'));
  const brand = (more) => idp.send(new CreateManagedLoginBrandingCommand(inPool({ ClientId: client, ...more })));
  const { ManagedLoginBranding: made } = await brand({ Settings, Assets: [{ Category: 'FORM_LOGO', ColorMode: 'LIGHT', Extension: 'PNG', Bytes: png }] });
  assert.deepEqual(made.Settings, Settings);
  await fails(brand({ UseCognitoProvidedValues: true }), ManagedLoginBrandingExistsException);
  const ManagedLoginBrandingId = made.ManagedLoginBrandingId;
  const byClient = (await idp.send(new DescribeManagedLoginBrandingByClientCommand(inPool({ ClientId: client })))).ManagedLoginBranding;
  assert.equal(byClient.ManagedLoginBrandingId, ManagedLoginBrandingId);
  assert.deepEqual(Buffer.from(byClient.Assets[0].Bytes), Buffer.from(png));
  await idp.send(new UpdateManagedLoginBrandingCommand(inPool({ ManagedLoginBrandingId, UseCognitoProvidedValues: true })));
  const byId = (await idp.send(new DescribeManagedLoginBrandingCommand(inPool({ ManagedLoginBrandingId })))).ManagedLoginBranding;
  assert.equal(byId.UseCognitoProvidedValues, true);
  await idp.send(new DeleteManagedLoginBrandingCommand(inPool({ ManagedLoginBrandingId })));
  await fails(idp.send(new DescribeManagedLoginBrandingCommand(inPool({ ManagedLoginBrandingId }))), ResourceNotFoundException);

  await idp.send(new DeleteUserPoolDomainCommand(inPool({ Domain })));
  assert.equal((await describe()).UserPoolId, undefined);
});

test('terms', async () => {
  const Links = { 'cognito:default': 'https://example.com/terms' };
  const create = () => idp.send(new CreateTermsCommand(inPool({ ClientId: client, TermsName: 'terms-of-use', TermsSource: 'LINK', Enforcement: 'NONE', Links })));
  const { TermsId } = (await create()).Terms;
  await fails(create(), TermsExistsException);
  await idp.send(new UpdateTermsCommand(inPool({ TermsId, Links: { 'cognito:default': 'https://example.com/new' } })));
  const { Terms } = await idp.send(new DescribeTermsCommand(inPool({ TermsId })));
  assert.equal(Terms.TermsName, 'terms-of-use');
  assert.equal(Terms.Links['cognito:default'], 'https://example.com/new');
  assert.deepEqual((await idp.send(new ListTermsCommand(inPool()))).Terms.map((t) => t.TermsId), [TermsId]);
  await idp.send(new DeleteTermsCommand(inPool({ TermsId })));
  await fails(idp.send(new DescribeTermsCommand(inPool({ TermsId }))), ResourceNotFoundException);
});

test('risk and log delivery', async () => {
  const { UserPool } = await idp.send(new CreateUserPoolCommand({ PoolName: 'plus', UserPoolTier: 'PLUS', UserPoolAddOns: { AdvancedSecurityMode: 'AUDIT' } }));
  const plus = { UserPoolId: UserPool.Id };
  const RiskExceptionConfiguration = { BlockedIPRangeList: ['192.0.2.0/24'] };
  await idp.send(new SetRiskConfigurationCommand({ ...plus, RiskExceptionConfiguration }));
  const { RiskConfiguration } = await idp.send(new DescribeRiskConfigurationCommand(plus));
  assert.deepEqual(RiskConfiguration.RiskExceptionConfiguration.BlockedIPRangeList, ['192.0.2.0/24']);
  assert.ok(RiskConfiguration.LastModifiedDate instanceof Date);
  await fails(idp.send(new SetRiskConfigurationCommand({ UserPoolId: missingPool, RiskExceptionConfiguration })), ResourceNotFoundException, `User pool ${missingPool} does not exist.`);

  const { UserPoolClient } = await idp.send(new CreateUserPoolClientCommand({ ...plus, ClientName: 'app' }));
  await idp.send(new SignUpCommand({ ClientId: UserPoolClient.ClientId, Username: 'watched', Password: password }));
  const watched = { ...plus, Username: 'watched' };
  const events = async () => (await idp.send(new AdminListUserAuthEventsCommand({ ...watched, MaxResults: 10 }))).AuthEvents;
  const [event] = await events();
  assert.equal(event.EventType, 'SignUp');
  assert.equal(event.EventRisk.RiskDecision, 'NoRisk');
  assert.ok(event.CreationDate instanceof Date && event.EventContextData.IpAddress);
  const feedback = { ...watched, EventId: event.EventId, FeedbackValue: 'Valid' };
  await idp.send(new AdminUpdateAuthEventFeedbackCommand(feedback));
  assert.equal((await events())[0].EventFeedback.FeedbackValue, 'Valid');
  await fails(idp.send(new UpdateAuthEventFeedbackCommand({ ...feedback, FeedbackToken: 'x' })), NotAuthorizedException, 'Invalid feedback token.');
  await fails(idp.send(new AdminListUserAuthEventsCommand(ofUser('nobody'))), UserPoolAddOnNotEnabledException);

  const LogConfigurations = [{ EventSource: 'userAuthEvents', LogLevel: 'INFO', S3Configuration: { BucketArn: 'arn:aws:s3:::logs' } }];
  await idp.send(new SetLogDeliveryConfigurationCommand({ ...plus, LogConfigurations }));
  const { LogDeliveryConfiguration } = await idp.send(new GetLogDeliveryConfigurationCommand(plus));
  assert.deepEqual(LogDeliveryConfiguration, { UserPoolId: UserPool.Id, LogConfigurations });
  await fails(idp.send(new SetLogDeliveryConfigurationCommand(inPool({ LogConfigurations }))), FeatureUnavailableInTierException, 'User activity logs are available in the PLUS tier only.');
});

// totp is what an authenticator app shows (RFC 6238) for a secret in base 32.
function totp(secret) {
  const bits = [...secret].map((c) => 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'.indexOf(c).toString(2).padStart(5, '0')).join('');
  const step = Buffer.alloc(8);
  step.writeBigUInt64BE(BigInt(Math.floor(Date.now() / 30_000)));
  const hash = createHmac('sha1', Buffer.from(bits.match(/.{8}/g).map((b) => parseInt(b, 2)))).update(step).digest();
  return String((hash.readUInt32BE(hash[19] & 15) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

test('second factors, and new tokens for a refresh token', async () => {
  await person('careful');
  const { AccessToken, RefreshToken } = await signIn('careful');
  const { AuthenticationResult } = await idp.send(new GetTokensFromRefreshTokenCommand({ ClientId: client, RefreshToken }));
  assert.ok(AuthenticationResult.IdToken);
  await fails(idp.send(new GetTokensFromRefreshTokenCommand({ ClientId: client, RefreshToken: AccessToken })), NotAuthorizedException, /^Invalid Refresh Token/);

  const associate = () => idp.send(new AssociateSoftwareTokenCommand({ AccessToken }));
  await fails(associate(), SoftwareTokenMFANotFoundException);
  await idp.send(new SetUserPoolMfaConfigCommand(inPool({ MfaConfiguration: 'OPTIONAL', SoftwareTokenMfaConfiguration: { Enabled: true } })));
  const config = await idp.send(new GetUserPoolMfaConfigCommand(inPool()));
  assert.equal(config.MfaConfiguration, 'OPTIONAL');
  assert.deepEqual(config.SoftwareTokenMfaConfiguration, { Enabled: true });
  const { SecretCode } = await associate();
  const verify = (UserCode) => idp.send(new VerifySoftwareTokenCommand({ AccessToken, UserCode }));
  const shown = totp(SecretCode);
  await fails(verify(String((Number(shown[0]) + 1) % 10) + shown.slice(1)), EnableSoftwareTokenMFAException);
  assert.equal((await verify(totp(SecretCode))).Status, 'SUCCESS');
  await idp.send(new SetUserMFAPreferenceCommand({ AccessToken, SoftwareTokenMfaSettings: { Enabled: true, PreferredMfa: true } }));
  const factors = await idp.send(new GetUserAuthFactorsCommand({ AccessToken }));
  assert.deepEqual(factors.UserMFASettingList, ['SOFTWARE_TOKEN_MFA']);
  assert.equal(await signIn('careful'), undefined, 'the password alone is not enough');
  await idp.send(new AdminSetUserMFAPreferenceCommand(ofUser('careful', { SoftwareTokenMfaSettings: { Enabled: false } })));
  assert.ok((await signIn('careful')).IdToken);

  const MFAOptions = [{ DeliveryMedium: 'SMS', AttributeName: 'phone_number' }];
  await idp.send(new SetUserSettingsCommand({ AccessToken, MFAOptions: [] }));
  await fails(idp.send(new SetUserSettingsCommand({ AccessToken, MFAOptions })), InvalidParameterException);
  await fails(idp.send(new AdminSetUserSettingsCommand(ofUser('careful', { MFAOptions }))), InvalidParameterException);
});

test('devices', async () => {
  const { UserPool } = await idp.send(new CreateUserPoolCommand({ PoolName: 'devices', DeviceConfiguration: { DeviceOnlyRememberedOnUserPrompt: true } }));
  const { UserPoolClient } = await idp.send(new CreateUserPoolClientCommand({
    UserPoolId: UserPool.Id, ClientName: 'app', ExplicitAuthFlows: ['ALLOW_USER_PASSWORD_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'],
  }));
  const owner = { UserPoolId: UserPool.Id, Username: 'dora' };
  await idp.send(new AdminCreateUserCommand({ ...owner, MessageAction: 'SUPPRESS' }));
  await idp.send(new AdminSetUserPasswordCommand({ ...owner, Password: password, Permanent: true }));
  const { AuthenticationResult } = await idp.send(new InitiateAuthCommand({
    ClientId: UserPoolClient.ClientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: 'dora', PASSWORD: password },
  }));
  const { AccessToken, NewDeviceMetadata: { DeviceKey, DeviceGroupKey } } = AuthenticationResult;
  assert.match(DeviceKey, /^[\w-]+_[0-9a-f-]+$/);
  assert.ok(DeviceGroupKey);
  const DeviceSecretVerifierConfig = { Salt: Buffer.alloc(16, 7).toString('base64'), PasswordVerifier: Buffer.alloc(384, 9).toString('base64') };
  const confirm = (key) => idp.send(new ConfirmDeviceCommand({ AccessToken, DeviceKey: key, DeviceName: 'laptop', DeviceSecretVerifierConfig }));
  await fails(confirm(DeviceKey.replace(/.$/, (c) => (c === '0' ? '1' : '0'))), ResourceNotFoundException, 'Device does not exist.');
  assert.equal((await confirm(DeviceKey)).UserConfirmationNecessary, true);
  await fails(confirm(DeviceKey), DeviceKeyExistsException);
  await idp.send(new UpdateDeviceStatusCommand({ AccessToken, DeviceKey, DeviceRememberedStatus: 'remembered' }));
  const { Devices } = await idp.send(new ListDevicesCommand({ AccessToken }));
  assert.deepEqual(Devices.map((d) => d.DeviceKey), [DeviceKey]);
  const { Device } = await idp.send(new GetDeviceCommand({ AccessToken, DeviceKey }));
  assert.equal(value(Device.DeviceAttributes, 'dev:device_remembered_status'), 'remembered');
  assert.ok(Device.DeviceCreateDate instanceof Date);
  await idp.send(new AdminUpdateDeviceStatusCommand({ ...owner, DeviceKey, DeviceRememberedStatus: 'not_remembered' }));
  assert.equal(value((await idp.send(new AdminGetDeviceCommand({ ...owner, DeviceKey }))).Device.DeviceAttributes, 'dev:device_remembered_status'), 'not_remembered');
  assert.equal((await idp.send(new AdminListDevicesCommand(owner))).Devices.length, 1);
  await idp.send(new AdminForgetDeviceCommand({ ...owner, DeviceKey }));
  await fails(idp.send(new ForgetDeviceCommand({ AccessToken, DeviceKey })), ResourceNotFoundException, 'Device does not exist.');
});

test('import jobs', async () => {
  const { CSVHeader } = await idp.send(new GetCSVHeaderCommand(inPool()));
  assert.ok(['cognito:username', 'cognito:mfa_enabled', 'email', 'email_verified', 'custom:team'].every((name) => CSVHeader.includes(name)), `${CSVHeader}`);
  const CloudWatchLogsRoleArn = `arn:aws:iam::${account}:role/logs`;
  const { UserImportJob: made } = await idp.send(new CreateUserImportJobCommand(inPool({ JobName: 'two', CloudWatchLogsRoleArn })));
  assert.equal(made.Status, 'Created');
  const job = inPool({ JobId: made.JobId });
  await fails(idp.send(new StartUserImportJobCommand(job)), PreconditionNotMetException, /no CSV file was uploaded/);
  await fails(idp.send(new StopUserImportJobCommand(job)), PreconditionNotMetException, /its status is Created/);
  const row = (name) => CSVHeader.map((column) => ({
    'cognito:username': name, 'cognito:mfa_enabled': 'false', email: `${name}@example.com`, email_verified: 'true', phone_number_verified: 'false',
  })[column] ?? '').join(',');
  const answer = await fetch(made.PreSignedUrl, {
    method: 'PUT', headers: { 'x-amz-server-side-encryption': 'aws:kms' }, body: [CSVHeader.join(','), row('new-1'), row('new-2'), ''].join('\n'),
  });
  assert.equal(answer.status, 200);
  await idp.send(new StartUserImportJobCommand(job));
  let done;
  for (let tries = 0; tries < 300 && !done?.CompletionDate; tries++) {
    await new Promise((resolve) => { setTimeout(resolve, 100); });
    done = (await idp.send(new DescribeUserImportJobCommand(job))).UserImportJob;
  }
  assert.deepEqual([done.Status, done.ImportedUsers, done.FailedUsers], ['Succeeded', 2, 0]);
  assert.equal(await status('new-2'), 'RESET_REQUIRED');
  const { UserImportJobs } = await idp.send(new ListUserImportJobsCommand(inPool({ MaxResults: 10 })));
  assert.deepEqual(UserImportJobs.map((j) => j.JobId), [made.JobId]);
});

test('passkeys, as far as they go without an authenticator', async () => {
  await person('keyless');
  const elsewhere = { AccessToken: (await signIn('keyless')).AccessToken };
  await fails(idp.send(new StartWebAuthnRegistrationCommand(elsewhere)), WebAuthnNotEnabledException);

  const UserPoolId = (await idp.send(new CreateUserPoolCommand({
    PoolName: 'keys', Policies: { SignInPolicy: { AllowedFirstAuthFactors: ['PASSWORD', 'WEB_AUTHN'] } },
  }))).UserPool.Id;
  const ExplicitAuthFlows = ['ALLOW_USER_PASSWORD_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'];
  const ClientId = (await idp.send(new CreateUserPoolClientCommand({ UserPoolId, ClientName: 'app', ExplicitAuthFlows }))).UserPoolClient.ClientId;
  await idp.send(new AdminCreateUserCommand({ UserPoolId, Username: 'key', MessageAction: 'SUPPRESS' }));
  await idp.send(new AdminSetUserPasswordCommand({ UserPoolId, Username: 'key', Password: password, Permanent: true }));
  const { AuthenticationResult: { AccessToken } } = await idp.send(new InitiateAuthCommand({
    ClientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: 'key', PASSWORD: password },
  }));
  const start = () => idp.send(new StartWebAuthnRegistrationCommand({ AccessToken }));
  const complete = (Credential) => idp.send(new CompleteWebAuthnRegistrationCommand({ AccessToken, Credential }));
  await fails(start(), WebAuthnConfigurationMissingException);
  await idp.send(new SetUserPoolMfaConfigCommand({ UserPoolId, WebAuthnConfiguration: { RelyingPartyId: 'example.com', UserVerification: 'required' } }));
  await fails(complete({}), WebAuthnChallengeNotFoundException);
  const { CredentialCreationOptions } = await start();
  assert.deepEqual(CredentialCreationOptions.rp, { id: 'example.com', name: 'example.com' });
  assert.deepEqual(CredentialCreationOptions.pubKeyCredParams.map(({ alg }) => alg), [-7, -257]);
  assert.equal(CredentialCreationOptions.authenticatorSelection.userVerification, 'required');
  assert.equal(Buffer.from(CredentialCreationOptions.challenge, 'base64url').length, 32);
  await fails(complete({ id: 'AAAA', rawId: 'AAAA', type: 'public-key', response: {} }), InvalidParameterException);
  assert.deepEqual((await idp.send(new ListWebAuthnCredentialsCommand({ AccessToken }))).Credentials, []);
  await fails(idp.send(new DeleteWebAuthnCredentialCommand({ AccessToken, CredentialId: 'AAAA' })), ResourceNotFoundException);
});
