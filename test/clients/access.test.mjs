// Who may do what, through AWS's SDK for JavaScript v3: every operation of IAM,
// STS, Parameter Store and identity pools that is written, what each answers, and
// for each family a refusal with its own exception. access.py and
// access_cli_test.go do the same in their languages; test/conformance holds the
// three to being complete.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { before, test } from 'node:test';
import { CognitoIdentity } from '@aws-sdk/client-cognito-identity';
import { IAM, NoSuchEntityException, EntityAlreadyExistsException, DeleteConflictException, CredentialReportNotPresentException, paginateGetAccountAuthorizationDetails } from '@aws-sdk/client-iam';
import { SSM, ParameterNotFound } from '@aws-sdk/client-ssm';
import { STS } from '@aws-sdk/client-sts';
import { account, idp, password, region, root, v3 } from './stack.mjs';
import { AdminCreateUserCommand, AdminSetUserPasswordCommand, CreateUserPoolClientCommand, CreateUserPoolCommand, InitiateAuthCommand } from '@aws-sdk/client-cognito-identity-provider';

const iam = new IAM(v3);
const ssm = new SSM(v3);
const identity = new CognitoIdentity(v3);
const readOnly = 'arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess';
const allow = (Action, Resource = '*') => JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Action, Resource }] });
const trust = (Principal, Action = 'sts:AssumeRole') => JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal, Action }] });
const lambda = trust({ Service: 'lambda.amazonaws.com' });
const tags = (map) => Object.entries(map).map(([Key, Value]) => ({ Key, Value }));
const decoded = (document) => JSON.stringify(JSON.parse(decodeURIComponent(document)));

async function fails(promise, kind, message) {
  await assert.rejects(promise, (err) => {
    if (typeof kind === 'string') assert.equal(err.name, kind, err.message);
    else assert.ok(err instanceof kind, `${err.name}: ${err.message}, want ${kind.name}`);
    if (message !== undefined) (message instanceof RegExp ? assert.match : assert.equal)(err.message, message);
    return true;
  });
}

test('users and groups', async () => {
  const UserName = 'ada', GroupName = 'staff', PolicyName = 'own', PolicyDocument = allow('s3:GetObject');
  await fails(iam.getUser({ UserName }), NoSuchEntityException, 'The user with name ada cannot be found.');
  const { User } = await iam.createUser({ UserName, Path: '/team/', Tags: tags({ a: '1', b: '2' }) });
  assert.equal(User.Arn, `arn:aws:iam::${account}:user/team/ada`);
  await fails(iam.createUser({ UserName: 'ADA' }), EntityAlreadyExistsException, 'User with name ADA already exists.');
  await iam.updateUser({ UserName, NewPath: '/crew/' });
  await iam.untagUser({ UserName, TagKeys: ['a'] });
  await iam.tagUser({ UserName, Tags: tags({ c: '3' }) });
  assert.deepEqual((await iam.listUserTags({ UserName })).Tags, tags({ b: '2', c: '3' }));
  assert.deepEqual((await iam.listUsers({ PathPrefix: '/crew/' })).Users.map((u) => u.UserName), ['ada']);
  await iam.putUserPolicy({ UserName, PolicyName, PolicyDocument });
  assert.equal(decoded((await iam.getUserPolicy({ UserName, PolicyName })).PolicyDocument), PolicyDocument);
  assert.deepEqual((await iam.listUserPolicies({ UserName })).PolicyNames, [PolicyName]);
  await iam.attachUserPolicy({ UserName, PolicyArn: readOnly });
  assert.equal((await iam.listAttachedUserPolicies({ UserName })).AttachedPolicies[0].PolicyArn, readOnly);
  await iam.putUserPermissionsBoundary({ UserName, PermissionsBoundary: readOnly });
  assert.equal((await iam.getUser({ UserName })).User.PermissionsBoundary.PermissionsBoundaryArn, readOnly);
  await iam.deleteUserPermissionsBoundary({ UserName });

  const { AccessKey } = await iam.createAccessKey({ UserName });
  const { AccessKeyId } = AccessKey;
  assert.equal((await iam.listAccessKeys({ UserName })).AccessKeyMetadata[0].AccessKeyId, AccessKeyId);
  assert.equal((await iam.getAccessKeyLastUsed({ AccessKeyId })).UserName, 'ada');
  await iam.updateAccessKey({ UserName, AccessKeyId, Status: 'Inactive' });
  await fails(new STS({ ...v3, credentials: { accessKeyId: AccessKeyId, secretAccessKey: AccessKey.SecretAccessKey } }).getCallerIdentity({}), 'InvalidClientTokenId');
  await iam.deleteAccessKey({ UserName, AccessKeyId });

  await iam.createGroup({ GroupName });
  await iam.updateGroup({ GroupName, NewPath: '/g/' });
  assert.deepEqual((await iam.listGroups({ PathPrefix: '/g/' })).Groups.map((g) => g.GroupName), ['staff']);
  await iam.addUserToGroup({ GroupName, UserName });
  assert.equal((await iam.getGroup({ GroupName })).Users[0].UserName, 'ada');
  assert.equal((await iam.listGroupsForUser({ UserName })).Groups[0].GroupName, 'staff');
  await iam.putGroupPolicy({ GroupName, PolicyName, PolicyDocument });
  assert.equal(decoded((await iam.getGroupPolicy({ GroupName, PolicyName })).PolicyDocument), PolicyDocument);
  assert.deepEqual((await iam.listGroupPolicies({ GroupName })).PolicyNames, [PolicyName]);
  await iam.attachGroupPolicy({ GroupName, PolicyArn: readOnly });
  assert.equal((await iam.listAttachedGroupPolicies({ GroupName })).AttachedPolicies.length, 1);

  const granting = await iam.listPoliciesGrantingServiceAccess({ Arn: `arn:aws:iam::${account}:user/crew/ada`, ServiceNamespaces: ['s3'] });
  assert.equal(granting.PoliciesGrantingServiceAccess[0].Policies.length, 3);

  const noPassword = 'Login Profile for User ada cannot be found.';
  await fails(iam.getLoginProfile({ UserName }), NoSuchEntityException, noPassword);
  await fails(iam.deleteLoginProfile({ UserName }), NoSuchEntityException, noPassword);
  await fails(iam.updateLoginProfile({ UserName, Password: password }), NoSuchEntityException, noPassword);
  assert.deepEqual((await iam.listMFADevices({ UserName })).MFADevices, []);
  assert.deepEqual((await iam.listVirtualMFADevices({})).VirtualMFADevices, []);
  assert.deepEqual((await iam.listSSHPublicKeys({ UserName })).SSHPublicKeys, []);
  assert.deepEqual((await iam.listSigningCertificates({ UserName })).Certificates, []);
  assert.deepEqual((await iam.listServiceSpecificCredentials({ UserName })).ServiceSpecificCredentials, []);
  assert.deepEqual((await iam.listServerCertificates({})).ServerCertificateMetadataList, []);

  await fails(iam.deleteUser({ UserName }), DeleteConflictException);
  await iam.removeUserFromGroup({ GroupName, UserName });
  await iam.detachUserPolicy({ UserName, PolicyArn: readOnly });
  await iam.deleteUserPolicy({ UserName, PolicyName });
  await iam.deleteUser({ UserName });
  await iam.detachGroupPolicy({ GroupName, PolicyArn: readOnly });
  await iam.deleteGroupPolicy({ GroupName, PolicyName });
  await iam.deleteGroup({ GroupName });
});

test('roles', async () => {
  const RoleName = 'worker', PolicyName = 'own', PolicyDocument = allow('s3:GetObject');
  await iam.createRole({ RoleName, AssumeRolePolicyDocument: lambda, Tags: tags({ a: '1' }) });
  await fails(iam.createRole({ RoleName: 'x', AssumeRolePolicyDocument: '{}' }), 'MalformedPolicyDocumentException', 'Syntax errors in policy.');
  await iam.updateRole({ RoleName, MaxSessionDuration: 7200 });
  await iam.updateRoleDescription({ RoleName, Description: 'works' });
  await iam.updateAssumeRolePolicy({ RoleName, PolicyDocument: trust({ Service: 'apigateway.amazonaws.com' }) });
  await iam.untagRole({ RoleName, TagKeys: ['a'] });
  await iam.tagRole({ RoleName, Tags: tags({ b: '2' }) });
  assert.deepEqual((await iam.listRoleTags({ RoleName })).Tags, tags({ b: '2' }));
  const { Role } = await iam.getRole({ RoleName });
  assert.equal(Role.MaxSessionDuration, 7200);
  assert.equal(Role.Description, 'works');
  assert.match(decoded(Role.AssumeRolePolicyDocument), /apigateway/);
  assert.ok((await iam.listRoles({})).Roles.some((r) => r.RoleName === RoleName));
  await iam.putRolePolicy({ RoleName, PolicyName, PolicyDocument });
  assert.equal(decoded((await iam.getRolePolicy({ RoleName, PolicyName })).PolicyDocument), PolicyDocument);
  assert.deepEqual((await iam.listRolePolicies({ RoleName })).PolicyNames, [PolicyName]);
  await iam.attachRolePolicy({ RoleName, PolicyArn: readOnly });
  assert.equal((await iam.listAttachedRolePolicies({ RoleName })).AttachedPolicies[0].PolicyName, 'AmazonS3ReadOnlyAccess');
  await iam.putRolePermissionsBoundary({ RoleName, PermissionsBoundary: readOnly });
  await iam.deleteRolePermissionsBoundary({ RoleName });
  assert.deepEqual((await iam.listInstanceProfilesForRole({ RoleName })).InstanceProfiles, []);
  assert.deepEqual((await iam.listInstanceProfiles({})).InstanceProfiles, []);
  await fails(iam.getInstanceProfile({ InstanceProfileName: 'web' }), NoSuchEntityException);
  await fails(iam.deleteRole({ RoleName }), DeleteConflictException, 'Cannot delete entity, must detach all policies first.');
  await iam.detachRolePolicy({ RoleName, PolicyArn: readOnly });
  await iam.deleteRolePolicy({ RoleName, PolicyName });
  await iam.deleteRole({ RoleName });
});

test('policies', async () => {
  const { Policy } = await iam.createPolicy({ PolicyName: 'objects', PolicyDocument: allow('s3:GetObject'), Tags: tags({ a: '1' }) });
  const PolicyArn = Policy.Arn;
  const { PolicyVersion } = await iam.createPolicyVersion({ PolicyArn, PolicyDocument: allow('s3:PutObject') });
  await iam.setDefaultPolicyVersion({ PolicyArn, VersionId: PolicyVersion.VersionId });
  assert.equal((await iam.getPolicy({ PolicyArn })).Policy.DefaultVersionId, 'v2');
  assert.match(decoded((await iam.getPolicyVersion({ PolicyArn, VersionId: 'v2' })).PolicyVersion.Document), /PutObject/);
  assert.deepEqual((await iam.listPolicyVersions({ PolicyArn })).Versions.map((v) => v.VersionId), ['v2', 'v1']);
  await iam.deletePolicyVersion({ PolicyArn, VersionId: 'v1' });
  await iam.untagPolicy({ PolicyArn, TagKeys: ['a'] });
  await iam.tagPolicy({ PolicyArn, Tags: tags({ b: '2' }) });
  assert.deepEqual((await iam.listPolicyTags({ PolicyArn })).Tags, tags({ b: '2' }));
  assert.deepEqual((await iam.listEntitiesForPolicy({ PolicyArn })).PolicyRoles, []);
  assert.deepEqual((await iam.listPolicies({ Scope: 'Local' })).Policies.map((p) => p.PolicyName), ['objects']);
  await iam.deletePolicy({ PolicyArn });
  await fails(iam.getPolicy({ PolicyArn }), NoSuchEntityException, `Policy ${PolicyArn} was not found.`);

  const simulated = await iam.simulateCustomPolicy({ PolicyInputList: [allow('s3:Get*')], ActionNames: ['s3:GetObject', 's3:PutObject'] });
  assert.deepEqual(simulated.EvaluationResults.map((r) => r.EvalDecision), ['allowed', 'implicitDeny']);
  assert.deepEqual((await iam.getContextKeysForCustomPolicy({ PolicyInputList: [allow('s3:Get*', 'arn:aws:s3:::b/${aws:username}')] })).ContextKeyNames, ['aws:username']);
  await iam.createUser({ UserName: 'eve' });
  await iam.putUserPolicy({ UserName: 'eve', PolicyName: 'p', PolicyDocument: allow('s3:Get*', 'arn:aws:s3:::b/${aws:userid}') });
  const PolicySourceArn = `arn:aws:iam::${account}:user/eve`;
  assert.equal((await iam.simulatePrincipalPolicy({ PolicySourceArn, ActionNames: ['ssm:GetParameter'] })).EvaluationResults[0].EvalDecision, 'implicitDeny');
  assert.deepEqual((await iam.getContextKeysForPrincipalPolicy({ PolicySourceArn })).ContextKeyNames, ['aws:userid']);
});

test('providers', async () => {
  const { OpenIDConnectProviderArn } = await iam.createOpenIDConnectProvider({ Url: 'https://login.example.com', ClientIDList: ['one'], Tags: tags({ a: '1' }) });
  const of = { OpenIDConnectProviderArn };
  await iam.addClientIDToOpenIDConnectProvider({ ...of, ClientID: 'two' });
  await iam.removeClientIDFromOpenIDConnectProvider({ ...of, ClientID: 'one' });
  await iam.updateOpenIDConnectProviderThumbprint({ ...of, ThumbprintList: ['990f4193972f2becf12ddeda5237f9c952f20d9e'] });
  await iam.untagOpenIDConnectProvider({ ...of, TagKeys: ['a'] });
  await iam.tagOpenIDConnectProvider({ ...of, Tags: tags({ b: '2' }) });
  assert.deepEqual((await iam.listOpenIDConnectProviderTags(of)).Tags, tags({ b: '2' }));
  assert.deepEqual((await iam.getOpenIDConnectProvider(of)).ClientIDList, ['two']);
  assert.equal((await iam.listOpenIDConnectProviders({})).OpenIDConnectProviderList.length, 1);
  await iam.deleteOpenIDConnectProvider(of);
  await fails(iam.getOpenIDConnectProvider(of), NoSuchEntityException);

  const SAMLMetadataDocument = await readFile('metadata.xml', 'utf8');
  await fails(iam.createSAMLProvider({ Name: 'okta', SAMLMetadataDocument: SAMLMetadataDocument.replace('EntityDescriptor', 'Entity') }), 'InvalidInputException');
  const { SAMLProviderArn } = await iam.createSAMLProvider({ Name: 'okta', SAMLMetadataDocument, Tags: tags({ a: '1' }) });
  assert.equal(SAMLProviderArn, `arn:aws:iam::${account}:saml-provider/okta`);
  await iam.updateSAMLProvider({ SAMLProviderArn, SAMLMetadataDocument: SAMLMetadataDocument.replace('idp.example.com/metadata', 'idp.example.com/next') });
  const got = await iam.getSAMLProvider({ SAMLProviderArn });
  assert.match(got.SAMLMetadataDocument, /idp\.example\.com\/next/);
  assert.equal(got.ValidUntil.getUTCFullYear(), 2090);
  await iam.untagSAMLProvider({ SAMLProviderArn, TagKeys: ['a'] });
  await iam.tagSAMLProvider({ SAMLProviderArn, Tags: tags({ b: '2' }) });
  assert.deepEqual((await iam.listSAMLProviderTags({ SAMLProviderArn })).Tags, tags({ b: '2' }));
  assert.equal((await iam.listSAMLProviders({})).SAMLProviderList[0].Arn, SAMLProviderArn);
  await iam.deleteSAMLProvider({ SAMLProviderArn });
  await fails(iam.getSAMLProvider({ SAMLProviderArn }), NoSuchEntityException);
});

test('the account', async () => {
  await iam.createAccountAlias({ AccountAlias: 'acme' });
  assert.deepEqual((await iam.listAccountAliases({})).AccountAliases, ['acme']);
  await iam.deleteAccountAlias({ AccountAlias: 'acme' });
  await fails(iam.getAccountPasswordPolicy({}), NoSuchEntityException, `The Password Policy with domain name ${account} cannot be found.`);
  await iam.updateAccountPasswordPolicy({ MinimumPasswordLength: 12, RequireSymbols: true });
  assert.equal((await iam.getAccountPasswordPolicy({})).PasswordPolicy.MinimumPasswordLength, 12);
  await iam.deleteAccountPasswordPolicy({});
  assert.equal((await iam.getAccountSummary({})).SummaryMap.AccessKeysPerUserQuota, 2);
  await fails(iam.getCredentialReport({}), CredentialReportNotPresentException);
  assert.equal((await iam.generateCredentialReport({})).State, 'STARTED');
  assert.match(new TextDecoder().decode((await iam.getCredentialReport({})).Content), /^user,arn,user_creation_time/);
  await iam.createRole({ RoleName: 'listed', AssumeRolePolicyDocument: lambda });
  const roles = [];
  for await (const page of paginateGetAccountAuthorizationDetails({ client: iam, pageSize: 2 }, { Filter: ['Role'] })) roles.push(...page.RoleDetailList);
  assert.ok(roles.some((r) => r.RoleName === 'listed' && decoded(r.AssumeRolePolicyDocument) === lambda));
  assert.equal((await iam.getAccountAuthorizationDetails({ Filter: ['AWSManagedPolicy'], MaxItems: 3 })).Policies.length, 3);
});

test('sessions', async () => {
  const sts = new STS(v3);
  assert.equal((await sts.getCallerIdentity({})).Arn, `arn:aws:iam::${account}:root`);
  assert.equal((await sts.getAccessKeyInfo({ AccessKeyId: 'AKIAAAAAAAAAAAAAAAAA' })).Account, account);
  await fails(sts.decodeAuthorizationMessage({ EncodedMessage: 'c2VjcmV0' }), 'InvalidAuthorizationMessageException');
  await iam.createUser({ UserName: 'maker' });
  await iam.putUserPolicy({ UserName: 'maker', PolicyName: 'p', PolicyDocument: allow(['sts:*', 'iam:ListRoles']) });
  const { AccessKey } = await iam.createAccessKey({ UserName: 'maker' });
  const of = (c) => new STS({ ...v3, credentials: { accessKeyId: c.AccessKeyId, secretAccessKey: c.SecretAccessKey, sessionToken: c.SessionToken } });
  const maker = of(AccessKey);
  await iam.createRole({ RoleName: 'session', AssumeRolePolicyDocument: trust({ AWS: account }) });
  const RoleArn = `arn:aws:iam::${account}:role/session`;
  await fails(sts.assumeRole({ RoleArn, RoleSessionName: 'root' }), 'AccessDenied', 'Roles may not be assumed by root accounts.');
  const assumed = await maker.assumeRole({ RoleArn, RoleSessionName: 'here', DurationSeconds: 900, Policy: allow('s3:*') });
  assert.equal((await of(assumed.Credentials).getCallerIdentity({})).Arn, `arn:aws:sts::${account}:assumed-role/session/here`);
  assert.ok(assumed.PackedPolicySize > 0);
  assert.match((await sts.getSessionToken({})).Credentials.AccessKeyId, /^ASIA/);
  assert.equal((await sts.getFederationToken({ Name: 'root-guest' })).FederatedUser.Arn, `arn:aws:sts::${account}:federated-user/root-guest`);
  const own = await maker.getSessionToken({});
  assert.equal((await of(own.Credentials).getCallerIdentity({})).Arn, `arn:aws:iam::${account}:user/maker`);
  await fails(of(own.Credentials).getSessionToken({}), 'AccessDenied', 'Cannot call GetSessionToken with session credentials');
  const federated = await maker.getFederationToken({ Name: 'guest', Policy: allow('s3:*') });
  assert.equal(federated.FederatedUser.FederatedUserId, `${account}:guest`);
  await fails(sts.assumeRoleWithWebIdentity({ RoleArn, RoleSessionName: 'web', WebIdentityToken: 'nonsense' }), 'InvalidIdentityTokenException', /is not a valid JWT/);
});

test('parameters', async () => {
  const Name = '/app/flag', of = { ResourceType: 'Parameter', ResourceId: Name };
  await fails(ssm.getParameter({ Name }), ParameterNotFound);
  await ssm.putParameter({ Name, Value: 'one', Type: 'SecureString', Tags: tags({ a: '1' }) });
  assert.equal((await ssm.putParameter({ Name, Value: 'two', Overwrite: true })).Version, 2);
  assert.equal((await ssm.getParameter({ Name, WithDecryption: true })).Parameter.Value, 'two');
  assert.deepEqual((await ssm.labelParameterVersion({ Name, ParameterVersion: 1, Labels: ['prod', '1st'] })).InvalidLabels, ['1st']);
  assert.deepEqual((await ssm.getParameters({ Names: [`${Name}:prod`, '/none'], WithDecryption: true })).InvalidParameters, ['/none']);
  assert.deepEqual((await ssm.unlabelParameterVersion({ Name, ParameterVersion: 1, Labels: ['prod', 'blue'] })).RemovedLabels, ['prod']);
  assert.equal((await ssm.getParametersByPath({ Path: '/app', Recursive: true })).Parameters.length, 1);
  assert.equal((await ssm.getParameterHistory({ Name })).Parameters.length, 2);
  assert.equal((await ssm.describeParameters({})).Parameters[0].KeyId, 'alias/aws/ssm');
  await ssm.addTagsToResource({ ...of, Tags: tags({ b: '2' }) });
  await ssm.removeTagsFromResource({ ...of, TagKeys: ['a'] });
  assert.deepEqual((await ssm.listTagsForResource(of)).TagList, tags({ b: '2' }));
  await ssm.deleteParameter({ Name });
  assert.deepEqual((await ssm.deleteParameters({ Names: [Name] })).InvalidParameters, [Name]);
});

let IdentityPoolId, arn;
before(async () => {
  ({ IdentityPoolId } = await identity.createIdentityPool({ IdentityPoolName: 'people', AllowUnauthenticatedIdentities: true, DeveloperProviderName: 'login.acme', IdentityPoolTags: { a: '1' } }));
  arn = `arn:aws:cognito-identity:${region}:${account}:identitypool/${IdentityPoolId}`;
});

test('identity pools', async () => {
  assert.equal((await identity.describeIdentityPool({ IdentityPoolId })).DeveloperProviderName, 'login.acme');
  await fails(identity.describeIdentityPool({ IdentityPoolId: `${region}:00000000-0000-0000-0000-000000000000` }), 'ResourceNotFoundException');
  assert.ok((await identity.listIdentityPools({ MaxResults: 60 })).IdentityPools.some((p) => p.IdentityPoolId === IdentityPoolId));
  await identity.untagResource({ ResourceArn: arn, TagKeys: ['a'] });
  await identity.tagResource({ ResourceArn: arn, Tags: { b: '2' } });
  assert.deepEqual((await identity.listTagsForResource({ ResourceArn: arn })).Tags, { b: '2' });

  await iam.createRole({ RoleName: 'guests', AssumeRolePolicyDocument: trust({ Federated: 'cognito-identity.amazonaws.com' }, 'sts:AssumeRoleWithWebIdentity') });
  const unauthenticated = `arn:aws:iam::${account}:role/guests`;
  await identity.setIdentityPoolRoles({ IdentityPoolId, Roles: { unauthenticated } });
  assert.deepEqual((await identity.getIdentityPoolRoles({ IdentityPoolId })).Roles, { unauthenticated });
  const { IdentityId } = await identity.getId({ IdentityPoolId });
  assert.match((await identity.getCredentialsForIdentity({ IdentityId })).Credentials.AccessKeyId, /^ASIA/);
  const { Token } = await identity.getOpenIdToken({ IdentityId });
  const anyone = new STS({ ...v3, credentials: root });
  const web = await anyone.assumeRoleWithWebIdentity({ RoleArn: unauthenticated, RoleSessionName: 'guest', WebIdentityToken: Token });
  assert.equal(web.SubjectFromWebIdentityToken, IdentityId);
  assert.equal((await identity.describeIdentity({ IdentityId })).IdentityId, IdentityId);
  assert.ok((await identity.listIdentities({ IdentityPoolId, MaxResults: 10 })).Identities.some((i) => i.IdentityId === IdentityId));

  const token = (user) => identity.getOpenIdTokenForDeveloperIdentity({ IdentityPoolId, Logins: { 'login.acme': user } });
  const ann = await token('ann'), bob = await token('bob');
  assert.notEqual(ann.IdentityId, bob.IdentityId);
  assert.deepEqual((await identity.lookupDeveloperIdentity({ IdentityPoolId, DeveloperUserIdentifier: 'ann' })).IdentityId, ann.IdentityId);
  const merged = await identity.mergeDeveloperIdentities({ IdentityPoolId, DeveloperProviderName: 'login.acme', SourceUserIdentifier: 'ann', DestinationUserIdentifier: 'bob' });
  assert.equal(merged.IdentityId, bob.IdentityId);
  await identity.unlinkDeveloperIdentity({ IdentityId: bob.IdentityId, IdentityPoolId, DeveloperProviderName: 'login.acme', DeveloperUserIdentifier: 'ann' });
  assert.deepEqual((await identity.deleteIdentities({ IdentityIdsToDelete: [IdentityId] })).UnprocessedIdentityIds, []);
  await fails(identity.describeIdentity({ IdentityId }), 'ResourceNotFoundException');
});

test('logins of an identity', async () => {
  const { UserPool } = await idp.send(new CreateUserPoolCommand({ PoolName: 'p' }));
  const { UserPoolClient } = await idp.send(new CreateUserPoolClientCommand({ UserPoolId: UserPool.Id, ClientName: 'c', ExplicitAuthFlows: ['ALLOW_USER_PASSWORD_AUTH', 'ALLOW_REFRESH_TOKEN_AUTH'] }));
  await idp.send(new AdminCreateUserCommand({ UserPoolId: UserPool.Id, Username: 'ann', MessageAction: 'SUPPRESS' }));
  await idp.send(new AdminSetUserPasswordCommand({ UserPoolId: UserPool.Id, Username: 'ann', Password: password, Permanent: true }));
  const { AuthenticationResult } = await idp.send(new InitiateAuthCommand({ ClientId: UserPoolClient.ClientId, AuthFlow: 'USER_PASSWORD_AUTH', AuthParameters: { USERNAME: 'ann', PASSWORD: password } }));
  const ProviderName = `cognito-idp.${region}.amazonaws.com/${UserPool.Id}`;
  const Logins = { [ProviderName]: AuthenticationResult.IdToken };
  await fails(identity.getId({ IdentityPoolId, Logins }), 'NotAuthorizedException');
  await identity.updateIdentityPool({ IdentityPoolId, IdentityPoolName: 'people', AllowUnauthenticatedIdentities: false, DeveloperProviderName: 'login.acme',
    CognitoIdentityProviders: [{ ProviderName, ClientId: UserPoolClient.ClientId }] });
  await identity.setPrincipalTagAttributeMap({ IdentityPoolId, IdentityProviderName: ProviderName, UseDefaults: false, PrincipalTags: { user: 'sub' } });
  assert.deepEqual((await identity.getPrincipalTagAttributeMap({ IdentityPoolId, IdentityProviderName: ProviderName })).PrincipalTags, { user: 'sub' });
  const { IdentityId } = await identity.getId({ IdentityPoolId, Logins });
  await fails(identity.unlinkIdentity({ IdentityId, Logins: { [ProviderName]: 'nonsense' }, LoginsToRemove: [ProviderName] }), 'NotAuthorizedException');
  await identity.unlinkIdentity({ IdentityId, Logins, LoginsToRemove: [ProviderName] });
  assert.notEqual((await identity.getId({ IdentityPoolId, Logins })).IdentityId, IdentityId);
  await identity.deleteIdentityPool({ IdentityPoolId });
  await fails(identity.describeIdentityPool({ IdentityPoolId }), 'ResourceNotFoundException');
});
