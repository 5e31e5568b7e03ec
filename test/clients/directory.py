# The directory through boto3: every operation of cognito-idp that is written,
# what each answers, and for each family one refusal with its own exception.
# directory.test.mjs and directory_cli_test.go do the same in their languages;
# test/conformance holds the three to being complete.
#
# The environment says where: GATEHOUSE_URL, and AWS's own variables for region
# and root key. The Go test beside this file sets it.
import base64
import datetime
import hmac
import json
import os
import time
import unittest
import urllib.parse
import urllib.request

import boto3
from botocore.config import Config

url, account, region = os.environ["GATEHOUSE_URL"], os.environ["GATEHOUSE_ACCOUNT"], os.environ["AWS_REGION"]
client = boto3.client("cognito-idp", endpoint_url=url, config=Config(retries={"max_attempts": 0}))
exceptions = client.exceptions

PASSWORD, SECOND = "Correct-Horse-7", "Battery-Staple-8"
MISSING_POOL = f"{region}_000000000"


def code(to):
    """The newest code that was sent to an address."""
    with urllib.request.urlopen(f"{url}/_gatehouse/outbox?to={urllib.parse.quote(to)}") as answer:
        for message in json.load(answer):
            if message.get("code"):
                return message["code"]
    raise AssertionError(f"no code was sent to {to}")


def pairs(**attributes):
    return [{"Name": name.replace("custom_", "custom:"), "Value": value} for name, value in attributes.items()]


def values(attributes):
    return {a["Name"]: a["Value"] for a in attributes}


def pages(operation, key, size, **arguments):
    """All of a listing, by the SDK's own paginator."""
    found = []
    for page in client.get_paginator(operation).paginate(PaginationConfig={"PageSize": size}, **arguments):
        assert len(page[key]) <= size, page
        found += page[key]
    return found


def totp(secret):
    """What an authenticator app shows (RFC 6238) for a secret in base 32."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.digest(key, int(time.time() // 30).to_bytes(8, "big"), "sha1")
    at = digest[19] & 15
    return f"{(int.from_bytes(digest[at:at + 4], 'big') & 0x7FFFFFFF) % 1_000_000:06}"


class Directory(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.pool = client.create_user_pool(
            PoolName="directory", AutoVerifiedAttributes=["email"], AliasAttributes=["email"],
            Schema=[{"Name": "team", "AttributeDataType": "String", "Mutable": True, "StringAttributeConstraints": {"MinLength": "1", "MaxLength": "10"}}],
        )["UserPool"]["Id"]
        cls.app = client.create_user_pool_client(
            UserPoolId=cls.pool, ClientName="app",
            ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_ADMIN_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"],
        )["UserPoolClient"]["ClientId"]

    def fails(self, kind, message, operation, **arguments):
        """Wants an exception of the SDK's own class, and text in its message."""
        with self.assertRaises(kind) as caught:
            operation(**arguments)
        self.assertIn(message, caught.exception.response["Error"]["Message"])

    def of(self, name, **more):
        return {"UserPoolId": self.pool, "Username": name, **more}

    def person(self, name, **attributes):
        """Makes a user who can sign in."""
        client.admin_create_user(**self.of(name, MessageAction="SUPPRESS", UserAttributes=pairs(email=f"{name}@example.com", email_verified="true", **attributes)))
        client.admin_set_user_password(**self.of(name, Password=PASSWORD, Permanent=True))

    def status(self, name):
        return client.admin_get_user(**self.of(name))["UserStatus"]

    def sign_in(self, name, password=PASSWORD):
        return client.initiate_auth(ClientId=self.app, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": name, "PASSWORD": password})["AuthenticationResult"]

    def refresh(self, token):
        return client.initiate_auth(ClientId=self.app, AuthFlow="REFRESH_TOKEN_AUTH", AuthParameters={"REFRESH_TOKEN": token})

    def test_pools(self):
        made = client.create_user_pool(PoolName="short-lived", DeletionProtection="ACTIVE", UserPoolTags={"team": "a"},
                                       Policies={"PasswordPolicy": {"MinimumLength": 12}})["UserPool"]["Id"]
        self.assertRegex(made, f"^{region}_[0-9A-Za-z]{{9}}$")
        described = client.describe_user_pool(UserPoolId=made)["UserPool"]
        self.assertEqual(described["Name"], "short-lived")
        self.assertEqual(described["Policies"]["PasswordPolicy"]["MinimumLength"], 12)
        self.assertEqual(described["EstimatedNumberOfUsers"], 0)
        self.assertIsInstance(described["CreationDate"], datetime.datetime)
        arn = described["Arn"]
        self.assertEqual(arn, f"arn:aws:cognito-idp:{region}:{account}:userpool/{made}")
        listed = [p["Id"] for p in client.list_user_pools(MaxResults=60)["UserPools"]]
        self.assertLessEqual({self.pool, made}, set(listed))
        self.assertCountEqual([p["Id"] for p in pages("list_user_pools", "UserPools", 1)], listed)

        client.add_custom_attributes(UserPoolId=made, CustomAttributes=[{"Name": "size", "AttributeDataType": "Number", "Mutable": True}])
        schema = {a["Name"]: a for a in client.describe_user_pool(UserPoolId=made)["UserPool"]["SchemaAttributes"]}
        self.assertEqual(schema["custom:size"]["AttributeDataType"], "Number")

        client.tag_resource(ResourceArn=arn, Tags={"stage": "test"})
        self.assertEqual(client.list_tags_for_resource(ResourceArn=arn)["Tags"], {"team": "a", "stage": "test"})
        client.untag_resource(ResourceArn=arn, TagKeys=["team"])
        self.assertEqual(client.list_tags_for_resource(ResourceArn=arn)["Tags"], {"stage": "test"})

        self.fails(exceptions.InvalidParameterException, "deletion protection is activated", client.delete_user_pool, UserPoolId=made)
        client.update_user_pool(UserPoolId=made, DeletionProtection="INACTIVE")
        updated = client.describe_user_pool(UserPoolId=made)["UserPool"]
        self.assertEqual(updated["DeletionProtection"], "INACTIVE")
        self.assertEqual(updated["Policies"]["PasswordPolicy"]["MinimumLength"], 8, "what an update leaves out is reset")
        client.delete_user_pool(UserPoolId=made)
        self.fails(exceptions.ResourceNotFoundException, f"User pool {made} does not exist.", client.describe_user_pool, UserPoolId=made)

    def test_clients_and_secrets(self):
        made = client.create_user_pool_client(UserPoolId=self.pool, ClientName="confidential", GenerateSecret=True, AccessTokenValidity=30,
                                              TokenValidityUnits={"AccessToken": "minutes"})["UserPoolClient"]
        of = {"UserPoolId": self.pool, "ClientId": made["ClientId"]}
        described = client.describe_user_pool_client(**of)["UserPoolClient"]
        self.assertEqual((described["ClientName"], described["AccessTokenValidity"]), ("confidential", 30))
        self.assertEqual(described["ClientSecret"], made["ClientSecret"])
        listed = [c["ClientId"] for c in client.list_user_pool_clients(UserPoolId=self.pool, MaxResults=60)["UserPoolClients"]]
        self.assertCountEqual(listed, [self.app, made["ClientId"]])
        self.assertEqual(client.update_user_pool_client(**of, ClientName="renamed")["UserPoolClient"]["ClientName"], "renamed")
        self.fails(exceptions.ScopeDoesNotExistException, "none/such", client.update_user_pool_client, **of, AllowedOAuthScopes=["none/such"])

        def secrets():
            return [s["ClientSecretId"] for s in client.list_user_pool_client_secrets(**of)["ClientSecrets"]]

        added = client.add_user_pool_client_secret(**of)["ClientSecretDescriptor"]
        self.assertNotEqual(added["ClientSecretValue"], made["ClientSecret"])
        both = secrets()
        self.assertEqual(len(both), 2)
        self.assertIn(added["ClientSecretId"], both)
        self.fails(exceptions.LimitExceededException, "", client.add_user_pool_client_secret, **of)
        client.delete_user_pool_client_secret(**of, ClientSecretId=added["ClientSecretId"])
        self.assertEqual(secrets(), [s for s in both if s != added["ClientSecretId"]])

        client.delete_user_pool_client(**of)
        self.fails(exceptions.ResourceNotFoundException, f"User pool client {made['ClientId']} does not exist.", client.describe_user_pool_client, **of)

    def test_users_by_an_administrator(self):
        user = client.admin_create_user(**self.of("jane", DesiredDeliveryMediums=["EMAIL"], UserAttributes=pairs(
            email="jane@example.com", email_verified="true", custom_team="red", name="Jane")))["User"]
        self.assertEqual(user["UserStatus"], "FORCE_CHANGE_PASSWORD")
        self.assertTrue(user["Enabled"])
        self.assertEqual(values(user["Attributes"])["custom:team"], "red")
        self.fails(exceptions.UsernameExistsException, "User account already exists", client.admin_create_user, **self.of("jane"))
        self.fails(exceptions.UserNotFoundException, "User does not exist.", client.admin_get_user, **self.of("nobody"))

        # The invitation's password opens one door: to a new one.
        first = client.admin_initiate_auth(UserPoolId=self.pool, ClientId=self.app, AuthFlow="ADMIN_USER_PASSWORD_AUTH",
                                           AuthParameters={"USERNAME": "jane", "PASSWORD": code("jane@example.com")})
        self.assertEqual(first["ChallengeName"], "NEW_PASSWORD_REQUIRED")
        done = client.admin_respond_to_auth_challenge(UserPoolId=self.pool, ClientId=self.app, ChallengeName="NEW_PASSWORD_REQUIRED", Session=first["Session"],
                                                      ChallengeResponses={"USERNAME": "jane", "NEW_PASSWORD": PASSWORD})
        self.assertTrue(done["AuthenticationResult"]["AccessToken"])
        self.assertEqual(self.status("jane"), "CONFIRMED")

        client.admin_update_user_attributes(**self.of("jane", UserAttributes=pairs(custom_team="blue", given_name="J")))
        client.admin_delete_user_attributes(**self.of("jane", UserAttributeNames=["given_name"]))
        jane = values(client.admin_get_user(**self.of("jane"))["UserAttributes"])
        self.assertEqual(jane["custom:team"], "blue")
        self.assertNotIn("given_name", jane)
        self.fails(exceptions.InvalidParameterException, "", client.admin_update_user_attributes, **self.of("jane", UserAttributes=pairs(custom_team="much-too-long")))

        client.admin_disable_user(**self.of("jane"))
        self.assertFalse(client.admin_get_user(**self.of("jane"))["Enabled"])
        self.fails(exceptions.NotAuthorizedException, "User is disabled.", self.sign_in, name="jane")
        client.admin_enable_user(**self.of("jane"))
        token = self.sign_in("jane")["RefreshToken"]
        client.admin_user_global_sign_out(**self.of("jane"))
        self.fails(exceptions.NotAuthorizedException, "", self.refresh, token=token)

        client.admin_set_user_password(**self.of("jane", Password=SECOND, Permanent=False))
        self.assertEqual(self.status("jane"), "FORCE_CHANGE_PASSWORD")
        again = client.initiate_auth(ClientId=self.app, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": "jane", "PASSWORD": SECOND})
        answered = client.respond_to_auth_challenge(ClientId=self.app, ChallengeName=again["ChallengeName"], Session=again["Session"],
                                                    ChallengeResponses={"USERNAME": "jane", "NEW_PASSWORD": PASSWORD})
        self.assertTrue(answered["AuthenticationResult"]["IdToken"])
        self.fails(exceptions.InvalidPasswordException, "Password did not conform with policy", client.admin_set_user_password,
                   **self.of("jane", Password="weak", Permanent=True))

        client.admin_reset_user_password(**self.of("jane"))
        self.assertEqual(self.status("jane"), "RESET_REQUIRED")
        self.fails(exceptions.PasswordResetRequiredException, "", self.sign_in, name="jane")
        client.confirm_forgot_password(ClientId=self.app, Username="jane", ConfirmationCode=code("jane@example.com"), Password=PASSWORD)
        self.assertEqual(self.status("jane"), "CONFIRMED")

        client.admin_delete_user(**self.of("jane"))
        self.fails(exceptions.UserNotFoundException, "User does not exist.", client.admin_delete_user, **self.of("jane"))

    def test_users_by_themselves(self):
        def sign_up(name):
            return client.sign_up(ClientId=self.app, Username=name, Password=PASSWORD, UserAttributes=pairs(email=f"{name}@example.com"))

        made = sign_up("ann")
        self.assertFalse(made["UserConfirmed"])
        self.assertEqual(made["CodeDeliveryDetails"]["Destination"], "a***@e***")
        self.assertEqual(self.status("ann"), "UNCONFIRMED")
        self.fails(exceptions.UsernameExistsException, "User already exists", sign_up, name="ann")
        self.assertEqual(client.resend_confirmation_code(ClientId=self.app, Username="ann")["CodeDeliveryDetails"]["AttributeName"], "email")
        sent = code("ann@example.com")
        confirm = {"ClientId": self.app, "Username": "ann"}
        self.fails(exceptions.CodeMismatchException, "Invalid verification code provided, please try again.", client.confirm_sign_up, **confirm,
                   ConfirmationCode=str((int(sent[0]) + 1) % 10) + sent[1:])
        client.confirm_sign_up(**confirm, ConfirmationCode=sent)
        self.assertEqual(self.status("ann"), "CONFIRMED")
        sign_up("ben")
        client.admin_confirm_sign_up(**self.of("ben"))
        self.assertEqual(self.status("ben"), "CONFIRMED")

        tokens = self.sign_in("ann@example.com")
        token = tokens["AccessToken"]

        def own():
            return values(client.get_user(AccessToken=token)["UserAttributes"])

        self.assertEqual(own()["email_verified"], "true")
        details = client.update_user_attributes(AccessToken=token, UserAttributes=pairs(email="new@example.com", nickname="Annie"))["CodeDeliveryDetailsList"]
        self.assertEqual([(d["AttributeName"], d["Destination"]) for d in details], [("email", "n***@e***")])
        self.assertEqual((own()["email_verified"], own()["nickname"]), ("false", "Annie"))
        client.get_user_attribute_verification_code(AccessToken=token, AttributeName="email")
        client.verify_user_attribute(AccessToken=token, AttributeName="email", Code=code("new@example.com"))
        self.assertEqual(own()["email_verified"], "true")
        client.delete_user_attributes(AccessToken=token, UserAttributeNames=["nickname"])
        self.assertNotIn("nickname", own())
        self.person("carl")
        self.fails(exceptions.AliasExistsException, "", client.admin_update_user_attributes,
                   **self.of("carl", UserAttributes=pairs(email="new@example.com", email_verified="true")))

        client.change_password(AccessToken=token, PreviousPassword=PASSWORD, ProposedPassword=SECOND)
        self.fails(exceptions.NotAuthorizedException, "Incorrect username or password.", self.sign_in, name="ann")
        delivery = client.forgot_password(ClientId=self.app, Username="ann")["CodeDeliveryDetails"]
        self.assertEqual(delivery["DeliveryMedium"], "EMAIL")
        client.confirm_forgot_password(ClientId=self.app, Username="ann", ConfirmationCode=code("new@example.com"), Password=PASSWORD)
        self.assertTrue(self.sign_in("ann")["IdToken"])

        revoked = self.sign_in("ann")["RefreshToken"]
        self.assertTrue(self.refresh(revoked)["AuthenticationResult"]["AccessToken"])
        client.revoke_token(ClientId=self.app, Token=revoked)
        self.fails(exceptions.NotAuthorizedException, "Refresh Token has been revoked", self.refresh, token=revoked)
        last = self.sign_in("ann")
        client.global_sign_out(AccessToken=last["AccessToken"])
        for gone in (last, tokens):
            self.fails(exceptions.NotAuthorizedException, "", self.refresh, token=gone["RefreshToken"])
        token = self.sign_in("ann")["AccessToken"]
        client.delete_user(AccessToken=token)
        self.fails(exceptions.UserNotFoundException, "User does not exist.", client.get_user, AccessToken=token)

    def test_searching_users(self):
        everybody = [f"find-{i}" for i in range(7)]
        for i, name in enumerate(everybody):
            self.person(name, phone_number=f"+1555000000{i}", family_name="Smith" if i < 4 else "Smythe")
        sub = values(client.admin_get_user(**self.of("find-3"))["UserAttributes"])["sub"]
        for search, want in (
            ('email = "find-3@example.com"', ["find-3"]),
            ('phone_number = "+15550000003"', ["find-3"]),
            ('username = "find-3"', ["find-3"]),
            (f'sub = "{sub}"', ["find-3"]),
            ('family_name = "Smythe"', everybody[4:]),
            ('username ^= "find-"', everybody),
            ('email = "nobody@example.com"', []),
        ):
            with self.subTest(search):
                found = client.list_users(UserPoolId=self.pool, Filter=search)["Users"]
                self.assertCountEqual([u["Username"] for u in found], want)
        found = pages("list_users", "Users", 3, UserPoolId=self.pool, Filter='family_name ^= "Sm"', AttributesToGet=["email"])
        self.assertCountEqual([u["Username"] for u in found], everybody)
        self.assertEqual({a["Name"] for u in found for a in u["Attributes"]}, {"email"})
        self.fails(exceptions.InvalidParameterException, "", client.list_users, UserPoolId=self.pool, Filter='email = "a" or "b"')

    def test_groups(self):
        self.person("member")
        role = f"arn:aws:iam::{account}:role/editors"
        editors = {"UserPoolId": self.pool, "GroupName": "editors"}
        self.assertEqual(client.create_group(**editors, Description="those who edit", Precedence=3, RoleArn=role)["Group"]["RoleArn"], role)
        self.fails(exceptions.GroupExistsException, "A group with the name already exists.", client.create_group, **editors)
        client.create_group(UserPoolId=self.pool, GroupName="readers")
        self.assertEqual(client.update_group(**editors, Description="changed", Precedence=1)["Group"]["Precedence"], 1)
        self.assertEqual(client.get_group(**editors)["Group"]["Description"], "changed")
        self.assertEqual([g["GroupName"] for g in client.list_groups(UserPoolId=self.pool)["Groups"]], ["editors", "readers"])
        self.assertEqual([g["GroupName"] for g in pages("list_groups", "Groups", 1, UserPoolId=self.pool)], ["editors", "readers"])

        client.admin_add_user_to_group(**self.of("member", GroupName="editors"))
        self.assertEqual([g["GroupName"] for g in client.admin_list_groups_for_user(**self.of("member"))["Groups"]], ["editors"])
        self.assertEqual([u["Username"] for u in client.list_users_in_group(**editors)["Users"]], ["member"])
        payload = self.sign_in("member")["IdToken"].split(".")[1]
        self.assertEqual(json.loads(base64.urlsafe_b64decode(payload + "=="))["cognito:groups"], ["editors"])
        client.admin_remove_user_from_group(**self.of("member", GroupName="editors"))
        self.assertEqual(client.admin_list_groups_for_user(**self.of("member"))["Groups"], [])
        client.delete_group(**editors)
        self.fails(exceptions.ResourceNotFoundException, "Group not found.", client.get_group, **editors)

    def test_resource_servers(self):
        of = {"UserPoolId": self.pool, "Identifier": "https://api.example.com"}
        read, write = ({"ScopeName": name, "ScopeDescription": f"to {name}"} for name in ("read", "write"))
        made = client.create_resource_server(**of, Name="api", Scopes=[read])["ResourceServer"]
        self.assertEqual(made, {**of, "Name": "api", "Scopes": [read]})
        self.fails(exceptions.InvalidParameterException, "already exists", client.create_resource_server, **of, Name="api")
        client.update_resource_server(**of, Name="renamed", Scopes=[read, write])
        self.assertEqual(client.describe_resource_server(**of)["ResourceServer"], {**of, "Name": "renamed", "Scopes": [read, write]})
        self.assertEqual([r["Identifier"] for r in client.list_resource_servers(UserPoolId=self.pool, MaxResults=50)["ResourceServers"]], [of["Identifier"]])
        client.delete_resource_server(**of)
        self.fails(exceptions.ResourceNotFoundException, "", client.describe_resource_server, **of)

    def test_identity_providers(self):
        of = {"UserPoolId": self.pool, "ProviderName": "Corp"}
        issuer = "https://issuer.example.com"
        create = {**of, "ProviderType": "OIDC", "AttributeMapping": {"email": "email"}, "IdpIdentifiers": ["corp.example.com"], "ProviderDetails": {
            "client_id": "id", "client_secret": "secret", "attributes_request_method": "GET", "oidc_issuer": issuer, "authorize_scopes": "openid email",
            "authorize_url": issuer + "/authorize", "token_url": issuer + "/token", "attributes_url": issuer + "/userinfo", "jwks_uri": issuer + "/jwks"}}
        made = client.create_identity_provider(**create)["IdentityProvider"]
        self.assertEqual((made["ProviderType"], made["ProviderDetails"]["oidc_issuer"]), ("OIDC", issuer))
        self.fails(exceptions.DuplicateProviderException, "", client.create_identity_provider, **create)
        found = client.get_identity_provider_by_identifier(UserPoolId=self.pool, IdpIdentifier="corp.example.com")["IdentityProvider"]
        self.assertEqual(found["ProviderName"], "Corp")
        client.update_identity_provider(**of, AttributeMapping={"email": "mail"})
        self.assertEqual(client.describe_identity_provider(**of)["IdentityProvider"]["AttributeMapping"]["email"], "mail")
        self.assertEqual([(p["ProviderName"], p["ProviderType"]) for p in client.list_identity_providers(UserPoolId=self.pool)["Providers"]], [("Corp", "OIDC")])
        certificate = client.get_signing_certificate(UserPoolId=self.pool)["Certificate"]
        self.assertTrue(base64.b64decode(certificate).startswith(b"\x30\x82"), "the certificate is DER")

        self.person("linked")
        source = {"ProviderName": "Corp", "ProviderAttributeName": "Cognito_Subject", "ProviderAttributeValue": "4711"}
        link = {"UserPoolId": self.pool, "DestinationUser": {"ProviderName": "Cognito", "ProviderAttributeValue": "linked"}, "SourceUser": source}

        def identities():
            attributes = values(client.admin_get_user(**self.of("linked"))["UserAttributes"])
            return [(i["providerName"], i["userId"]) for i in json.loads(attributes.get("identities", "[]"))]

        client.admin_link_provider_for_user(**link)
        self.fails(exceptions.AliasExistsException, "", client.admin_link_provider_for_user, **link)
        self.assertEqual(identities(), [("Corp", "4711")])
        client.admin_disable_provider_for_user(UserPoolId=self.pool, User=source)
        self.assertEqual(identities(), [])

        client.delete_identity_provider(**of)
        self.fails(exceptions.ResourceNotFoundException, "Identity provider Corp does not exist.", client.describe_identity_provider, **of)

    def test_domains_and_their_pages(self):
        name, css = "python-directory", ".label-customizable{color:red}"
        of, app = {"UserPoolId": self.pool}, {"UserPoolId": self.pool, "ClientId": self.app}
        self.fails(exceptions.InvalidParameterException, "existing domain", client.set_ui_customization, **of, CSS=css)
        client.create_user_pool_domain(**of, Domain=name)
        self.assertEqual(client.describe_user_pool_domain(Domain=name)["DomainDescription"]["UserPoolId"], self.pool)
        self.assertEqual(client.update_user_pool_domain(**of, Domain=name, ManagedLoginVersion=2)["ManagedLoginVersion"], 2)
        self.assertEqual(client.describe_user_pool_domain(Domain=name)["DomainDescription"]["ManagedLoginVersion"], 2)

        self.assertEqual(client.set_ui_customization(**app, CSS=css)["UICustomization"]["ClientId"], self.app)
        self.assertEqual(client.get_ui_customization(**app)["UICustomization"]["CSS"], css)

        settings = {"components": {"pageBackground": {"lightMode": {"color": "ff0000ff"}}}}
        png = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
        made = client.create_managed_login_branding(**app, Settings=settings, Assets=[
            {"Category": "FORM_LOGO", "ColorMode": "LIGHT", "Extension": "PNG", "Bytes": png}])["ManagedLoginBranding"]
        self.assertEqual(made["Settings"], settings)
        self.fails(exceptions.ManagedLoginBrandingExistsException, "", client.create_managed_login_branding, **app, UseCognitoProvidedValues=True)
        found = client.describe_managed_login_branding_by_client(**app)["ManagedLoginBranding"]
        self.assertEqual((found["ManagedLoginBrandingId"], found["Assets"][0]["Bytes"]), (made["ManagedLoginBrandingId"], png))
        branding = {**of, "ManagedLoginBrandingId": made["ManagedLoginBrandingId"]}
        client.update_managed_login_branding(**branding, UseCognitoProvidedValues=True)
        self.assertTrue(client.describe_managed_login_branding(**branding)["ManagedLoginBranding"]["UseCognitoProvidedValues"])
        client.delete_managed_login_branding(**branding)
        self.fails(exceptions.ResourceNotFoundException, "", client.describe_managed_login_branding, **branding)

        client.delete_user_pool_domain(**of, Domain=name)
        self.assertEqual(client.describe_user_pool_domain(Domain=name)["DomainDescription"], {})

    def test_terms(self):
        create = {"UserPoolId": self.pool, "ClientId": self.app, "TermsName": "terms-of-use", "TermsSource": "LINK", "Enforcement": "NONE",
                  "Links": {"cognito:default": "https://example.com/terms"}}
        of = {"UserPoolId": self.pool, "TermsId": client.create_terms(**create)["Terms"]["TermsId"]}
        self.fails(exceptions.TermsExistsException, "", client.create_terms, **create)
        client.update_terms(**of, Links={"cognito:default": "https://example.com/new"})
        terms = client.describe_terms(**of)["Terms"]
        self.assertEqual((terms["TermsName"], terms["Links"]), ("terms-of-use", {"cognito:default": "https://example.com/new"}))
        self.assertEqual([t["TermsId"] for t in client.list_terms(UserPoolId=self.pool)["Terms"]], [of["TermsId"]])
        client.delete_terms(**of)
        self.fails(exceptions.ResourceNotFoundException, "", client.describe_terms, **of)

    def test_risk_and_log_delivery(self):
        plus = client.create_user_pool(PoolName="plus", UserPoolTier="PLUS", UserPoolAddOns={"AdvancedSecurityMode": "AUDIT"})["UserPool"]["Id"]
        self.addCleanup(client.delete_user_pool, UserPoolId=plus)
        blocked = {"BlockedIPRangeList": ["192.0.2.0/24"]}
        client.set_risk_configuration(UserPoolId=plus, RiskExceptionConfiguration=blocked)
        risk = client.describe_risk_configuration(UserPoolId=plus)["RiskConfiguration"]
        self.assertEqual(risk["RiskExceptionConfiguration"]["BlockedIPRangeList"], ["192.0.2.0/24"])
        self.assertIsInstance(risk["LastModifiedDate"], datetime.datetime)
        self.fails(exceptions.ResourceNotFoundException, f"User pool {MISSING_POOL} does not exist.", client.set_risk_configuration,
                   UserPoolId=MISSING_POOL, RiskExceptionConfiguration=blocked)

        app = client.create_user_pool_client(UserPoolId=plus, ClientName="app")["UserPoolClient"]["ClientId"]
        client.sign_up(ClientId=app, Username="watched", Password=PASSWORD)
        watched = {"UserPoolId": plus, "Username": "watched"}
        event = client.admin_list_user_auth_events(**watched, MaxResults=10)["AuthEvents"][0]
        self.assertEqual((event["EventType"], event["EventRisk"]["RiskDecision"]), ("SignUp", "NoRisk"))
        self.assertIsInstance(event["CreationDate"], datetime.datetime)
        feedback = {**watched, "EventId": event["EventId"], "FeedbackValue": "Valid"}
        client.admin_update_auth_event_feedback(**feedback)
        self.assertEqual(client.admin_list_user_auth_events(**watched)["AuthEvents"][0]["EventFeedback"]["FeedbackValue"], "Valid")
        self.fails(exceptions.NotAuthorizedException, "Invalid feedback token.", client.update_auth_event_feedback, FeedbackToken="x", **feedback)
        self.fails(exceptions.UserPoolAddOnNotEnabledException, "", client.admin_list_user_auth_events, UserPoolId=self.pool, Username="watched")

        logs = [{"EventSource": "userAuthEvents", "LogLevel": "INFO", "S3Configuration": {"BucketArn": "arn:aws:s3:::logs"}}]
        client.set_log_delivery_configuration(UserPoolId=plus, LogConfigurations=logs)
        self.assertEqual(client.get_log_delivery_configuration(UserPoolId=plus)["LogDeliveryConfiguration"], {"UserPoolId": plus, "LogConfigurations": logs})
        self.fails(exceptions.FeatureUnavailableInTierException, "User activity logs are available in the PLUS tier only.",
                   client.set_log_delivery_configuration, UserPoolId=self.pool, LogConfigurations=logs)

    def test_passkeys(self):
        self.person("keyless")
        self.fails(exceptions.WebAuthnNotEnabledException, "", client.start_web_authn_registration, AccessToken=self.sign_in("keyless")["AccessToken"])

        pool = client.create_user_pool(PoolName="keys", Policies={"SignInPolicy": {"AllowedFirstAuthFactors": ["PASSWORD", "WEB_AUTHN"]}})["UserPool"]["Id"]
        app = client.create_user_pool_client(UserPoolId=pool, ClientName="app", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"])
        client.admin_create_user(UserPoolId=pool, Username="key", MessageAction="SUPPRESS")
        client.admin_set_user_password(UserPoolId=pool, Username="key", Password=PASSWORD, Permanent=True)
        token = client.initiate_auth(ClientId=app["UserPoolClient"]["ClientId"], AuthFlow="USER_PASSWORD_AUTH",
                                     AuthParameters={"USERNAME": "key", "PASSWORD": PASSWORD})["AuthenticationResult"]["AccessToken"]
        self.fails(exceptions.WebAuthnConfigurationMissingException, "", client.start_web_authn_registration, AccessToken=token)
        client.set_user_pool_mfa_config(UserPoolId=pool, WebAuthnConfiguration={"RelyingPartyId": "example.com"})
        self.fails(exceptions.WebAuthnChallengeNotFoundException, "", client.complete_web_authn_registration, AccessToken=token, Credential={})
        options = client.start_web_authn_registration(AccessToken=token)["CredentialCreationOptions"]
        self.assertEqual(options["rp"], {"id": "example.com", "name": "example.com"})
        self.assertEqual([p["alg"] for p in options["pubKeyCredParams"]], [-7, -257])
        self.fails(exceptions.InvalidParameterException, "", client.complete_web_authn_registration, AccessToken=token,
                   Credential={"id": "AAAA", "rawId": "AAAA", "type": "public-key", "response": {}})
        self.assertEqual(client.list_web_authn_credentials(AccessToken=token)["Credentials"], [])
        self.fails(exceptions.ResourceNotFoundException, "", client.delete_web_authn_credential, AccessToken=token, CredentialId="AAAA")

    def test_second_factors(self):
        self.person("careful")
        tokens = self.sign_in("careful")
        token = tokens["AccessToken"]
        fresh = client.get_tokens_from_refresh_token(ClientId=self.app, RefreshToken=tokens["RefreshToken"])["AuthenticationResult"]
        self.assertTrue(fresh["IdToken"])
        self.fails(exceptions.NotAuthorizedException, "Invalid Refresh Token", client.get_tokens_from_refresh_token, ClientId=self.app, RefreshToken=token)

        self.fails(exceptions.SoftwareTokenMFANotFoundException, "", client.associate_software_token, AccessToken=token)
        client.set_user_pool_mfa_config(UserPoolId=self.pool, MfaConfiguration="OPTIONAL", SoftwareTokenMfaConfiguration={"Enabled": True})
        config = client.get_user_pool_mfa_config(UserPoolId=self.pool)
        self.assertEqual((config["MfaConfiguration"], config["SoftwareTokenMfaConfiguration"]), ("OPTIONAL", {"Enabled": True}))
        secret = client.associate_software_token(AccessToken=token)["SecretCode"]
        shown = totp(secret)
        self.fails(exceptions.EnableSoftwareTokenMFAException, "", client.verify_software_token, AccessToken=token, UserCode=str((int(shown[0]) + 1) % 10) + shown[1:])
        self.assertEqual(client.verify_software_token(AccessToken=token, UserCode=totp(secret))["Status"], "SUCCESS")
        client.set_user_mfa_preference(AccessToken=token, SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True})
        self.assertEqual(client.get_user_auth_factors(AccessToken=token)["UserMFASettingList"], ["SOFTWARE_TOKEN_MFA"])
        with self.assertRaises(KeyError, msg="the password alone is not enough"):
            self.sign_in("careful")
        client.admin_set_user_mfa_preference(**self.of("careful", SoftwareTokenMfaSettings={"Enabled": False}))
        self.assertTrue(self.sign_in("careful")["IdToken"])

        sms = [{"DeliveryMedium": "SMS", "AttributeName": "phone_number"}]
        client.set_user_settings(AccessToken=token, MFAOptions=[])
        self.fails(exceptions.InvalidParameterException, "", client.set_user_settings, AccessToken=token, MFAOptions=sms)
        self.fails(exceptions.InvalidParameterException, "", client.admin_set_user_settings, **self.of("careful", MFAOptions=sms))

    def test_devices(self):
        pool = client.create_user_pool(PoolName="devices", DeviceConfiguration={"DeviceOnlyRememberedOnUserPrompt": True})["UserPool"]["Id"]
        app = client.create_user_pool_client(UserPoolId=pool, ClientName="app", ExplicitAuthFlows=["ALLOW_USER_PASSWORD_AUTH"])["UserPoolClient"]["ClientId"]
        owner = {"UserPoolId": pool, "Username": "dora"}
        client.admin_create_user(**owner, MessageAction="SUPPRESS")
        client.admin_set_user_password(**owner, Password=PASSWORD, Permanent=True)
        result = client.initiate_auth(ClientId=app, AuthFlow="USER_PASSWORD_AUTH", AuthParameters={"USERNAME": "dora", "PASSWORD": PASSWORD})["AuthenticationResult"]
        token, key = result["AccessToken"], result["NewDeviceMetadata"]["DeviceKey"]
        verifier = {"Salt": base64.b64encode(b"7" * 16).decode(), "PasswordVerifier": base64.b64encode(b"9" * 384).decode()}
        confirm = {"AccessToken": token, "DeviceKey": key, "DeviceName": "laptop", "DeviceSecretVerifierConfig": verifier}
        self.fails(exceptions.ResourceNotFoundException, "Device does not exist.", client.confirm_device, **{**confirm, "DeviceKey": key[:-1] + ("1" if key[-1] == "0" else "0")})
        self.assertTrue(client.confirm_device(**confirm)["UserConfirmationNecessary"])
        self.fails(exceptions.DeviceKeyExistsException, "", client.confirm_device, **confirm)
        client.update_device_status(AccessToken=token, DeviceKey=key, DeviceRememberedStatus="remembered")
        self.assertEqual([d["DeviceKey"] for d in client.list_devices(AccessToken=token)["Devices"]], [key])
        device = client.get_device(AccessToken=token, DeviceKey=key)["Device"]
        self.assertEqual(values(device["DeviceAttributes"])["dev:device_remembered_status"], "remembered")
        client.admin_update_device_status(**owner, DeviceKey=key, DeviceRememberedStatus="not_remembered")
        device = client.admin_get_device(**owner, DeviceKey=key)["Device"]
        self.assertEqual(values(device["DeviceAttributes"])["dev:device_remembered_status"], "not_remembered")
        self.assertEqual(len(client.admin_list_devices(**owner)["Devices"]), 1)
        client.admin_forget_device(**owner, DeviceKey=key)
        self.fails(exceptions.ResourceNotFoundException, "Device does not exist.", client.forget_device, AccessToken=token, DeviceKey=key)

    def test_import_jobs(self):
        header = client.get_csv_header(UserPoolId=self.pool)["CSVHeader"]
        self.assertLessEqual({"cognito:username", "cognito:mfa_enabled", "email", "email_verified", "custom:team"}, set(header))
        made = client.create_user_import_job(UserPoolId=self.pool, JobName="two", CloudWatchLogsRoleArn=f"arn:aws:iam::{account}:role/logs")["UserImportJob"]
        self.assertEqual(made["Status"], "Created")
        job = {"UserPoolId": self.pool, "JobId": made["JobId"]}
        self.fails(exceptions.PreconditionNotMetException, "no CSV file was uploaded", client.start_user_import_job, **job)
        self.fails(exceptions.PreconditionNotMetException, "its status is Created", client.stop_user_import_job, **job)

        def row(name):
            given = {"cognito:username": name, "cognito:mfa_enabled": "false", "email": f"{name}@example.com", "email_verified": "true", "phone_number_verified": "false"}
            return ",".join(given.get(column, "") for column in header)

        upload = urllib.request.Request(made["PreSignedUrl"], method="PUT", headers={"x-amz-server-side-encryption": "aws:kms"},
                                        data="\n".join([",".join(header), row("new-1"), row("new-2"), ""]).encode())
        with urllib.request.urlopen(upload) as answer:
            self.assertEqual(answer.status, 200)
        client.start_user_import_job(**job)
        for _ in range(300):
            done = client.describe_user_import_job(**job)["UserImportJob"]
            if "CompletionDate" in done:
                break
            time.sleep(0.1)
        self.assertEqual((done["Status"], done["ImportedUsers"], done["FailedUsers"]), ("Succeeded", 2, 0))
        self.assertEqual(self.status("new-2"), "RESET_REQUIRED")
        self.assertEqual([j["JobId"] for j in client.list_user_import_jobs(UserPoolId=self.pool, MaxResults=10)["UserImportJobs"]], [made["JobId"]])


if __name__ == "__main__":
    unittest.main()
