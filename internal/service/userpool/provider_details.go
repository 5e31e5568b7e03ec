package userpool

import (
	"maps"
	"net/url"
	"slices"
	"strings"

	"gatehouse/internal/api/cognitoidp"
)

// ProviderDetails is a map of texts whose keys depend on the provider's type
// (federation.md, section 1.2). Every URL may be given, also those of the
// social providers, which are only defaults here: an installation of one's own
// may have to reach them by another way.

// rules are what the details of a type of provider must hold, and what they
// hold when nothing is said.
type rules struct {
	required []string
	defaults map[string]string
	// subject is the claim that identifies a user when the mapping does not say;
	// empty for SAML, where it is the NameID.
	subject string
}

var providerRules = map[cognitoidp.IdentityProviderTypeType]rules{
	cognitoidp.IdentityProviderTypeTypeOidc: {
		required: []string{"client_id", "client_secret", "attributes_request_method", "oidc_issuer", "authorize_scopes"},
		defaults: map[string]string{"attributes_url_add_attributes": "false"}, subject: "sub"},
	cognitoidp.IdentityProviderTypeTypeSaml: {},
	cognitoidp.IdentityProviderTypeTypeGoogle: {
		required: []string{"client_id", "client_secret", "authorize_scopes"},
		defaults: map[string]string{"authorize_url": "https://accounts.google.com/o/oauth2/v2/auth", "token_url": "https://www.googleapis.com/oauth2/v4/token",
			"token_request_method": "POST", "oidc_issuer": "https://accounts.google.com",
			"attributes_url": "https://people.googleapis.com/v1/people/me?personFields=", "attributes_url_add_attributes": "true"}, subject: "sub"},
	cognitoidp.IdentityProviderTypeTypeFacebook: {
		required: []string{"client_id", "client_secret", "authorize_scopes"},
		defaults: map[string]string{"api_version": "v17.0", "token_request_method": "GET", "attributes_url_add_attributes": "true"}, subject: "id"},
	cognitoidp.IdentityProviderTypeTypeLoginWithAmazon: {
		required: []string{"client_id", "client_secret", "authorize_scopes"},
		defaults: map[string]string{"authorize_url": "https://www.amazon.com/ap/oa", "token_url": "https://api.amazon.com/auth/o2/token",
			"token_request_method": "POST", "attributes_url": "https://api.amazon.com/user/profile", "attributes_url_add_attributes": "false"}, subject: "user_id"},
	cognitoidp.IdentityProviderTypeTypeSignInWithApple: {
		required: []string{"client_id", "team_id", "key_id", "private_key", "authorize_scopes"},
		defaults: map[string]string{"authorize_url": "https://appleid.apple.com/auth/authorize", "token_url": "https://appleid.apple.com/auth/token",
			"token_request_method": "POST", "oidc_issuer": "https://appleid.apple.com", "attributes_url_add_attributes": "false"}, subject: "sub"},
}

// completeDetails checks what was given and adds what follows from it.
func completeDetails(kind cognitoidp.IdentityProviderTypeType, given map[string]string) (map[string]string, error) {
	for _, key := range providerRules[kind].required {
		if given[key] == "" {
			return nil, invalid("ProviderDetails of type " + string(kind) + " need " + key + ".")
		}
	}
	if kind == cognitoidp.IdentityProviderTypeTypeSaml {
		return completeSAML(given)
	}
	details := maps.Clone(providerRules[kind].defaults)
	maps.Copy(details, given)
	if kind == cognitoidp.IdentityProviderTypeTypeFacebook {
		completeFacebook(details)
	}
	for _, key := range []string{"authorize_url", "token_url", "attributes_url", "jwks_uri", "oidc_issuer"} {
		if err := checkProviderURL(key, details[key]); err != nil {
			return nil, err
		}
	}
	for _, key := range []string{"attributes_request_method", "token_request_method"} {
		if m := details[key]; m != "" && m != "GET" && m != "POST" {
			return nil, invalid("Invalid ProviderDetails: " + key + " must be GET or POST.")
		}
	}
	if err := checkFlag("attributes_url_add_attributes", details["attributes_url_add_attributes"]); err != nil {
		return nil, err
	}
	if kind == cognitoidp.IdentityProviderTypeTypeOidc {
		if strings.HasSuffix(details["oidc_issuer"], "/") {
			return nil, invalid("Invalid ProviderDetails: oidc_issuer must not end with a slash.")
		}
		if !slices.Contains(strings.Fields(details["authorize_scopes"]), "openid") {
			return nil, invalid("Invalid ProviderDetails: authorize_scopes must contain openid.")
		}
	}
	return details, nil
}

// completeFacebook adds the addresses that hold the version of the API.
func completeFacebook(details map[string]string) {
	v := details["api_version"]
	for key, address := range map[string]string{
		"authorize_url":  "https://www.facebook.com/" + v + "/dialog/oauth",
		"token_url":      "https://graph.facebook.com/" + v + "/oauth/access_token",
		"attributes_url": "https://graph.facebook.com/" + v + "/me?fields=",
	} {
		if details[key] == "" {
			details[key] = address
		}
	}
}

// checkProviderURL: https, or this machine, which is a trustworthy place. An
// absent one is found by discovery.
func checkProviderURL(key, text string) error {
	if text == "" {
		return nil
	}
	u, err := url.Parse(text)
	if err != nil || u.Host == "" || u.User != nil || u.Fragment != "" || strings.ContainsAny(text, " \t\r\n") ||
		u.Scheme != "https" && !(u.Scheme == "http" && isLoopback(u.Hostname())) {
		return invalid("Invalid ProviderDetails: " + key + " must be an https URL.")
	}
	return nil
}

func isLoopback(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }

func checkFlag(key, value string) error {
	if value != "" && value != "true" && value != "false" {
		return invalid("Invalid ProviderDetails: " + key + " must be true or false.")
	}
	return nil
}

// completeSAML checks the details of a SAML provider and adds the addresses
// that its metadata names. Metadata behind a URL is read when it is needed.
func completeSAML(given map[string]string) (map[string]string, error) {
	if (given["MetadataURL"] == "") == (given["MetadataFile"] == "") {
		return nil, invalid("ProviderDetails of type SAML need either MetadataURL or MetadataFile.")
	}
	if err := checkProviderURL("MetadataURL", given["MetadataURL"]); err != nil {
		return nil, err
	}
	for _, key := range []string{"IDPSignout", "IDPInit", "EncryptedResponses"} {
		if err := checkFlag(key, given[key]); err != nil {
			return nil, err
		}
	}
	if a := given["RequestSigningAlgorithm"]; a != "" && a != "rsa-sha256" {
		return nil, invalid("Invalid ProviderDetails: RequestSigningAlgorithm must be rsa-sha256.")
	}
	details := maps.Clone(given)
	// What is described may be sent back; these say what the metadata says.
	for _, key := range []string{"SSORedirectBindingURI", "SLORedirectBindingURI", "ActiveEncryptionCertificate"} {
		delete(details, key)
	}
	if file := given["MetadataFile"]; file != "" {
		m, err := parseSAMLMetadata(file)
		if err != nil {
			return nil, invalid("Invalid ProviderDetails: MetadataFile " + err.Error() + ".")
		}
		details["SSORedirectBindingURI"] = m.signOn
		if m.logout != "" {
			details["SLORedirectBindingURI"] = m.logout
		}
	}
	return details, nil
}
