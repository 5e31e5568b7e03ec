# Who may do what, through boto3: every operation of IAM, STS, Parameter Store
# and identity pools that is written, what each answers, and for each family one
# refusal with its own exception. access.test.mjs and access_cli_test.go do the
# same in their languages; test/conformance holds the three to being complete.
#
# The environment says where: GATEHOUSE_URL, and AWS's own variables for region
# and root key. The Go test beside this file sets it.
import json
import os
import pathlib
import unittest

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

url, account, region = os.environ["GATEHOUSE_URL"], os.environ["GATEHOUSE_ACCOUNT"], os.environ["AWS_REGION"]


def connect(service, key=None, **config):
    """A client of a service, with root's key or another."""
    key = key and {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"], "aws_session_token": key.get("SessionToken")}
    return boto3.client(service, endpoint_url=url, config=Config(retries={"max_attempts": 0}, **config), **(key or {}))


iam, sts, ssm, identity = connect("iam"), connect("sts"), connect("ssm"), connect("cognito-identity")
READ_ONLY = "arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"


def document(**statement):
    return json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})


def allow(action, resource="*"):
    return document(Action=action, Resource=resource)


def trust(action="sts:AssumeRole", **principal):
    return document(Action=action, Principal=principal)


def tags(**pairs):
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


class Access(unittest.TestCase):
    maxDiff = None

    def fails(self, code, message, operation, **arguments):
        """Wants an error of a code, and text in its message."""
        with self.assertRaises(ClientError) as caught:
            operation(**arguments)
        error = caught.exception.response["Error"]
        self.assertEqual(error["Code"], code, error)
        self.assertIn(message, error.get("Message", ""))

    def test_users_and_groups(self):
        user, group, own = {"UserName": "ada"}, {"GroupName": "staff"}, {"PolicyName": "own"}
        policy = allow("s3:GetObject")
        self.fails("NoSuchEntity", "The user with name ada cannot be found.", iam.get_user, **user)
        self.assertEqual(iam.create_user(Path="/team/", Tags=tags(a="1", b="2"), **user)["User"]["Arn"], f"arn:aws:iam::{account}:user/team/ada")
        with self.assertRaises(iam.exceptions.EntityAlreadyExistsException):
            iam.create_user(UserName="ADA")
        iam.update_user(NewPath="/crew/", **user)
        iam.untag_user(TagKeys=["a"], **user)
        iam.tag_user(Tags=tags(c="3"), **user)
        self.assertEqual(iam.list_user_tags(**user)["Tags"], tags(b="2", c="3"))
        self.assertEqual([u["UserName"] for u in iam.list_users(PathPrefix="/crew/")["Users"]], ["ada"])
        iam.put_user_policy(PolicyDocument=policy, **user, **own)
        # boto3 decodes policies by itself.
        self.assertEqual(iam.get_user_policy(**user, **own)["PolicyDocument"], json.loads(policy))
        self.assertEqual(iam.list_user_policies(**user)["PolicyNames"], ["own"])
        iam.attach_user_policy(PolicyArn=READ_ONLY, **user)
        self.assertEqual(iam.list_attached_user_policies(**user)["AttachedPolicies"][0]["PolicyArn"], READ_ONLY)
        iam.put_user_permissions_boundary(PermissionsBoundary=READ_ONLY, **user)
        self.assertEqual(iam.get_user(**user)["User"]["PermissionsBoundary"]["PermissionsBoundaryArn"], READ_ONLY)
        iam.delete_user_permissions_boundary(**user)

        key = iam.create_access_key(**user)["AccessKey"]
        key_id = {"AccessKeyId": key["AccessKeyId"]}
        self.assertEqual(len(iam.list_access_keys(**user)["AccessKeyMetadata"]), 1)
        self.assertEqual(iam.get_access_key_last_used(**key_id)["UserName"], "ada")
        iam.update_access_key(Status="Inactive", **user, **key_id)
        self.fails("InvalidClientTokenId", "The security token included in the request is invalid.", connect("sts", key).get_caller_identity)
        iam.delete_access_key(**user, **key_id)

        iam.create_group(**group)
        iam.update_group(NewPath="/g/", **group)
        self.assertEqual([g["GroupName"] for g in iam.list_groups(PathPrefix="/g/")["Groups"]], ["staff"])
        iam.add_user_to_group(**group, **user)
        self.assertEqual(iam.get_group(**group)["Users"][0]["UserName"], "ada")
        self.assertEqual(iam.list_groups_for_user(**user)["Groups"][0]["GroupName"], "staff")
        iam.put_group_policy(PolicyDocument=policy, **group, **own)
        self.assertEqual(iam.get_group_policy(**group, **own)["PolicyDocument"], json.loads(policy))
        self.assertEqual(iam.list_group_policies(**group)["PolicyNames"], ["own"])
        iam.attach_group_policy(PolicyArn=READ_ONLY, **group)
        self.assertEqual(len(iam.list_attached_group_policies(**group)["AttachedPolicies"]), 1)
        granting = iam.list_policies_granting_service_access(Arn=f"arn:aws:iam::{account}:user/crew/ada", ServiceNamespaces=["s3", "ssm"])
        self.assertEqual([len(e.get("Policies", [])) for e in granting["PoliciesGrantingServiceAccess"]], [3, 0])

        for operation, more in ((iam.get_login_profile, {}), (iam.delete_login_profile, {}), (iam.update_login_profile, {"Password": "Correct-Horse-7"})):
            self.fails("NoSuchEntity", "Login Profile for User ada cannot be found.", operation, **user, **more)
        self.assertEqual(iam.list_mfa_devices(**user)["MFADevices"], [])
        self.assertEqual(iam.list_virtual_mfa_devices()["VirtualMFADevices"], [])
        self.assertEqual(iam.list_ssh_public_keys(**user)["SSHPublicKeys"], [])
        self.assertEqual(iam.list_signing_certificates(**user)["Certificates"], [])
        self.assertEqual(iam.list_service_specific_credentials(**user)["ServiceSpecificCredentials"], [])
        self.assertEqual(iam.list_server_certificates()["ServerCertificateMetadataList"], [])

        self.fails("DeleteConflict", "Cannot delete entity", iam.delete_user, **user)
        iam.remove_user_from_group(**group, **user)
        iam.detach_user_policy(PolicyArn=READ_ONLY, **user)
        iam.delete_user_policy(**user, **own)
        iam.delete_user(**user)
        iam.detach_group_policy(PolicyArn=READ_ONLY, **group)
        iam.delete_group_policy(**group, **own)
        iam.delete_group(**group)

    def test_roles(self):
        role, own = {"RoleName": "worker"}, {"PolicyName": "own"}
        policy, services = allow("s3:GetObject"), trust(Service="lambda.amazonaws.com")
        iam.create_role(AssumeRolePolicyDocument=services, Tags=tags(a="1"), **role)
        self.fails("MalformedPolicyDocument", "Syntax errors in policy.", iam.create_role, RoleName="x", AssumeRolePolicyDocument="{}")
        iam.update_role(MaxSessionDuration=7200, **role)
        iam.update_role_description(Description="works", **role)
        iam.update_assume_role_policy(PolicyDocument=trust(Service="apigateway.amazonaws.com"), **role)
        iam.untag_role(TagKeys=["a"], **role)
        iam.tag_role(Tags=tags(b="2"), **role)
        self.assertEqual(iam.list_role_tags(**role)["Tags"], tags(b="2"))
        got = iam.get_role(**role)["Role"]
        self.assertEqual((got["MaxSessionDuration"], got["Description"]), (7200, "works"))
        self.assertEqual(got["AssumeRolePolicyDocument"]["Statement"][0]["Principal"], {"Service": "apigateway.amazonaws.com"})
        found = [r["RoleName"] for page in iam.get_paginator("list_roles").paginate(PaginationConfig={"PageSize": 1}) for r in page["Roles"]]
        self.assertIn("worker", found + [r["RoleName"] for r in iam.list_roles()["Roles"]])
        iam.put_role_policy(PolicyDocument=policy, **role, **own)
        self.assertEqual(iam.get_role_policy(**role, **own)["PolicyDocument"], json.loads(policy))
        self.assertEqual(iam.list_role_policies(**role)["PolicyNames"], ["own"])
        iam.attach_role_policy(PolicyArn=READ_ONLY, **role)
        self.assertEqual(iam.list_attached_role_policies(**role)["AttachedPolicies"][0]["PolicyName"], "AmazonS3ReadOnlyAccess")
        iam.put_role_permissions_boundary(PermissionsBoundary=READ_ONLY, **role)
        iam.delete_role_permissions_boundary(**role)
        self.assertEqual(iam.list_instance_profiles_for_role(**role)["InstanceProfiles"], [])
        self.assertEqual(iam.list_instance_profiles()["InstanceProfiles"], [])
        self.fails("NoSuchEntity", "Instance Profile web cannot be found.", iam.get_instance_profile, InstanceProfileName="web")
        self.fails("DeleteConflict", "Cannot delete entity, must detach all policies first.", iam.delete_role, **role)
        iam.detach_role_policy(PolicyArn=READ_ONLY, **role)
        iam.delete_role_policy(**role, **own)
        iam.delete_role(**role)

    def test_policies(self):
        arn = iam.create_policy(PolicyName="objects", PolicyDocument=allow("s3:GetObject"), Tags=tags(a="1"))["Policy"]["Arn"]
        policy = {"PolicyArn": arn}
        iam.create_policy_version(PolicyDocument=allow("s3:PutObject"), **policy)
        iam.set_default_policy_version(VersionId="v2", **policy)
        self.assertEqual(iam.get_policy(**policy)["Policy"]["DefaultVersionId"], "v2")
        self.assertEqual(iam.get_policy_version(VersionId="v2", **policy)["PolicyVersion"]["Document"]["Statement"][0]["Action"], "s3:PutObject")
        self.assertEqual([v["VersionId"] for v in iam.list_policy_versions(**policy)["Versions"]], ["v2", "v1"])
        iam.delete_policy_version(VersionId="v1", **policy)
        iam.untag_policy(TagKeys=["a"], **policy)
        iam.tag_policy(Tags=tags(b="2"), **policy)
        self.assertEqual(iam.list_policy_tags(**policy)["Tags"], tags(b="2"))
        self.assertEqual(iam.list_entities_for_policy(**policy)["PolicyRoles"], [])
        self.assertEqual([p["PolicyName"] for p in iam.list_policies(Scope="Local")["Policies"]], ["objects"])
        iam.delete_policy(**policy)
        self.fails("NoSuchEntity", f"Policy {arn} was not found.", iam.get_policy, **policy)

        results = iam.simulate_custom_policy(PolicyInputList=[allow("s3:Get*")], ActionNames=["s3:GetObject", "s3:PutObject"])["EvaluationResults"]
        self.assertEqual([r["EvalDecision"] for r in results], ["allowed", "implicitDeny"])
        keys = iam.get_context_keys_for_custom_policy(PolicyInputList=[allow("s3:Get*", "arn:aws:s3:::b/${aws:username}")])
        self.assertEqual(keys["ContextKeyNames"], ["aws:username"])
        iam.create_user(UserName="eve")
        iam.put_user_policy(UserName="eve", PolicyName="p", PolicyDocument=allow("s3:Get*", "arn:aws:s3:::b/${aws:userid}"))
        eve = {"PolicySourceArn": f"arn:aws:iam::{account}:user/eve"}
        self.assertEqual(iam.simulate_principal_policy(ActionNames=["ssm:GetParameter"], **eve)["EvaluationResults"][0]["EvalDecision"], "implicitDeny")
        self.assertEqual(iam.get_context_keys_for_principal_policy(**eve)["ContextKeyNames"], ["aws:userid"])

    def test_providers(self):
        made = iam.create_open_id_connect_provider(Url="https://login.example.com", ClientIDList=["one"], Tags=tags(a="1"))
        of = {"OpenIDConnectProviderArn": made["OpenIDConnectProviderArn"]}
        iam.add_client_id_to_open_id_connect_provider(ClientID="two", **of)
        iam.remove_client_id_from_open_id_connect_provider(ClientID="one", **of)
        iam.update_open_id_connect_provider_thumbprint(ThumbprintList=["990f4193972f2becf12ddeda5237f9c952f20d9e"], **of)
        iam.untag_open_id_connect_provider(TagKeys=["a"], **of)
        iam.tag_open_id_connect_provider(Tags=tags(b="2"), **of)
        self.assertEqual(iam.list_open_id_connect_provider_tags(**of)["Tags"], tags(b="2"))
        self.assertEqual(iam.get_open_id_connect_provider(**of)["ClientIDList"], ["two"])
        self.assertEqual(len(iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]), 1)
        iam.delete_open_id_connect_provider(**of)
        self.fails("NoSuchEntity", "OpenIDConnect Provider not found", iam.get_open_id_connect_provider, **of)

        metadata = pathlib.Path("metadata.xml").read_text()
        self.fails("InvalidInput", "Could not parse metadata", iam.create_saml_provider, Name="okta", SAMLMetadataDocument=metadata.replace("EntityDescriptor", "Entity", 1))
        okta = {"SAMLProviderArn": iam.create_saml_provider(Name="okta", SAMLMetadataDocument=metadata, Tags=tags(a="1"))["SAMLProviderArn"]}
        iam.update_saml_provider(SAMLMetadataDocument=metadata.replace("idp.example.com/metadata", "idp.example.com/next"), **okta)
        got = iam.get_saml_provider(**okta)
        self.assertIn("idp.example.com/next", got["SAMLMetadataDocument"])
        self.assertEqual(got["ValidUntil"].year, 2090)
        iam.untag_saml_provider(TagKeys=["a"], **okta)
        iam.tag_saml_provider(Tags=tags(b="2"), **okta)
        self.assertEqual(iam.list_saml_provider_tags(**okta)["Tags"], tags(b="2"))
        self.assertEqual(iam.list_saml_providers()["SAMLProviderList"][0]["Arn"], okta["SAMLProviderArn"])
        iam.delete_saml_provider(**okta)
        self.fails("NoSuchEntity", "", iam.get_saml_provider, **okta)

    def test_account(self):
        iam.create_account_alias(AccountAlias="acme")
        self.assertEqual(iam.list_account_aliases()["AccountAliases"], ["acme"])
        iam.delete_account_alias(AccountAlias="acme")
        self.fails("NoSuchEntity", f"The Password Policy with domain name {account} cannot be found.", iam.get_account_password_policy)
        iam.update_account_password_policy(MinimumPasswordLength=12, RequireSymbols=True)
        self.assertEqual(iam.get_account_password_policy()["PasswordPolicy"]["MinimumPasswordLength"], 12)
        iam.delete_account_password_policy()
        self.assertEqual(iam.get_account_summary()["SummaryMap"]["AccessKeysPerUserQuota"], 2)
        self.fails("ReportNotPresent", "", iam.get_credential_report)
        self.assertEqual(iam.generate_credential_report()["State"], "STARTED")
        self.assertTrue(iam.get_credential_report()["Content"].startswith(b"user,arn,user_creation_time"))
        iam.create_role(RoleName="listed", AssumeRolePolicyDocument=trust(Service="lambda.amazonaws.com"))
        found = []
        for page in iam.get_paginator("get_account_authorization_details").paginate(Filter=["Role"], PaginationConfig={"PageSize": 1}):
            found += page["RoleDetailList"]
        self.assertIn({"Service": "lambda.amazonaws.com"}, [r["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] for r in found if r["RoleName"] == "listed"])
        self.assertEqual(len(iam.get_account_authorization_details(Filter=["AWSManagedPolicy"], MaxItems=3)["Policies"]), 3)

    def test_sessions(self):
        self.assertEqual(sts.get_caller_identity()["Arn"], f"arn:aws:iam::{account}:root")
        self.assertEqual(sts.get_access_key_info(AccessKeyId="AKIAAAAAAAAAAAAAAAAA")["Account"], account)
        self.fails("InvalidAuthorizationMessageException", "", sts.decode_authorization_message, EncodedMessage="c2VjcmV0")
        iam.create_user(UserName="maker")
        iam.put_user_policy(UserName="maker", PolicyName="p", PolicyDocument=allow("sts:*"))
        maker = connect("sts", iam.create_access_key(UserName="maker")["AccessKey"])
        iam.create_role(RoleName="session", AssumeRolePolicyDocument=trust(AWS=account))
        role = {"RoleArn": f"arn:aws:iam::{account}:role/session"}
        self.fails("AccessDenied", "Roles may not be assumed by root accounts.", sts.assume_role, RoleSessionName="root", **role)
        assumed = maker.assume_role(RoleSessionName="here", DurationSeconds=900, Policy=allow("s3:*"), **role)
        self.assertEqual(connect("sts", assumed["Credentials"]).get_caller_identity()["Arn"], f"arn:aws:sts::{account}:assumed-role/session/here")
        self.assertTrue(sts.get_session_token()["Credentials"]["AccessKeyId"].startswith("ASIA"))
        self.assertEqual(sts.get_federation_token(Name="root-guest")["FederatedUser"]["FederatedUserId"], f"{account}:root-guest")
        own = connect("sts", maker.get_session_token()["Credentials"])
        self.assertEqual(own.get_caller_identity()["Arn"], f"arn:aws:iam::{account}:user/maker")
        self.fails("AccessDenied", "Cannot call GetSessionToken with session credentials", own.get_session_token)
        self.assertEqual(maker.get_federation_token(Name="guest", Policy=allow("s3:*"))["FederatedUser"]["FederatedUserId"], f"{account}:guest")
        self.fails("InvalidIdentityToken", "is not a valid JWT", sts.assume_role_with_web_identity, RoleSessionName="web", WebIdentityToken="nonsense", **role)
        self.fails("ValidationError", "roleSessionName", maker.assume_role, RoleSessionName="a b", **role)

    def test_parameters(self):
        name, of = "/app/flag", {"ResourceType": "Parameter", "ResourceId": "/app/flag"}
        with self.assertRaises(ssm.exceptions.ParameterNotFound):
            ssm.get_parameter(Name=name)
        ssm.put_parameter(Name=name, Value="one", Type="SecureString", Tags=tags(a="1"))
        self.assertEqual(ssm.put_parameter(Name=name, Value="two", Overwrite=True)["Version"], 2)
        self.assertEqual(ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"], "two")
        self.assertEqual(ssm.label_parameter_version(Name=name, ParameterVersion=1, Labels=["prod", "1st"])["InvalidLabels"], ["1st"])
        self.assertEqual(ssm.get_parameters(Names=[f"{name}:prod", "/none"])["InvalidParameters"], ["/none"])
        self.assertEqual(ssm.unlabel_parameter_version(Name=name, ParameterVersion=1, Labels=["prod", "blue"])["RemovedLabels"], ["prod"])
        self.assertEqual(len(ssm.get_parameters_by_path(Path="/app", Recursive=True)["Parameters"]), 1)
        self.assertEqual(len(ssm.get_parameter_history(Name=name)["Parameters"]), 2)
        self.assertEqual(ssm.describe_parameters()["Parameters"][0]["KeyId"], "alias/aws/ssm")
        ssm.add_tags_to_resource(Tags=tags(b="2"), **of)
        ssm.remove_tags_from_resource(TagKeys=["a"], **of)
        self.assertEqual(ssm.list_tags_for_resource(**of)["TagList"], tags(b="2"))
        ssm.delete_parameter(Name=name)
        self.assertEqual(ssm.delete_parameters(Names=[name])["InvalidParameters"], [name])

    def test_identity_pools(self):
        pool = {"IdentityPoolId": identity.create_identity_pool(IdentityPoolName="people", AllowUnauthenticatedIdentities=True,
                                                                DeveloperProviderName="login.acme", SupportedLoginProviders={"accounts.google.com": "app"},
                                                                IdentityPoolTags={"a": "1"})["IdentityPoolId"]}
        arn = {"ResourceArn": f"arn:aws:cognito-identity:{region}:{account}:identitypool/{pool['IdentityPoolId']}"}
        self.assertEqual(identity.describe_identity_pool(**pool)["DeveloperProviderName"], "login.acme")
        self.assertIn(pool["IdentityPoolId"], [p["IdentityPoolId"] for p in identity.list_identity_pools(MaxResults=60)["IdentityPools"]])
        identity.untag_resource(TagKeys=["a"], **arn)
        identity.tag_resource(Tags={"b": "2"}, **arn)
        self.assertEqual(identity.list_tags_for_resource(**arn)["Tags"], {"b": "2"})
        iam.create_role(RoleName="guests", AssumeRolePolicyDocument=trust("sts:AssumeRoleWithWebIdentity", Federated="cognito-identity.amazonaws.com"))
        roles = {"unauthenticated": f"arn:aws:iam::{account}:role/guests"}
        identity.set_identity_pool_roles(Roles=roles, **pool)
        self.assertEqual(identity.get_identity_pool_roles(**pool)["Roles"], roles)
        guest = {"IdentityId": identity.get_id(**pool)["IdentityId"]}
        self.assertTrue(identity.get_credentials_for_identity(**guest)["Credentials"]["AccessKeyId"].startswith("ASIA"))
        web = connect("sts", signature_version=UNSIGNED).assume_role_with_web_identity(
            RoleArn=roles["unauthenticated"], RoleSessionName="guest", WebIdentityToken=identity.get_open_id_token(**guest)["Token"])
        self.assertEqual(web["SubjectFromWebIdentityToken"], guest["IdentityId"])
        self.assertEqual(identity.describe_identity(**guest)["IdentityId"], guest["IdentityId"])
        self.assertEqual(len(identity.list_identities(MaxResults=10, **pool)["Identities"]), 1)

        provider = f"cognito-idp.{region}.amazonaws.com/{region}_000000000"
        self.fails("NotAuthorizedException", "", identity.unlink_identity, Logins={provider: "nonsense"}, LoginsToRemove=[provider], **guest)
        ann, bob = (identity.get_open_id_token_for_developer_identity(Logins={"login.acme": user}, **pool)["IdentityId"] for user in ("ann", "bob"))
        self.assertEqual(identity.lookup_developer_identity(DeveloperUserIdentifier="ann", **pool)["IdentityId"], ann)
        merged = identity.merge_developer_identities(DeveloperProviderName="login.acme", SourceUserIdentifier="ann", DestinationUserIdentifier="bob", **pool)
        self.assertEqual(merged["IdentityId"], bob)
        identity.unlink_developer_identity(IdentityId=bob, DeveloperProviderName="login.acme", DeveloperUserIdentifier="ann", **pool)
        self.assertEqual(identity.delete_identities(IdentityIdsToDelete=[guest["IdentityId"]])["UnprocessedIdentityIds"], [])

        identity.set_principal_tag_attribute_map(IdentityProviderName="accounts.google.com", UseDefaults=False, PrincipalTags={"user": "sub"}, **pool)
        self.assertEqual(identity.get_principal_tag_attribute_map(IdentityProviderName="accounts.google.com", **pool)["PrincipalTags"], {"user": "sub"})
        identity.update_identity_pool(IdentityPoolName="nobody", AllowUnauthenticatedIdentities=False, DeveloperProviderName="login.acme", **pool)
        self.fails("NotAuthorizedException", "Unauthenticated access is not supported for this identity pool.", identity.get_id, **pool)
        identity.delete_identity_pool(**pool)
        with self.assertRaises(identity.exceptions.ResourceNotFoundException):
            identity.describe_identity_pool(**pool)


if __name__ == "__main__":
    unittest.main()
