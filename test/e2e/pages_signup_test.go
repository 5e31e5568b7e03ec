package e2e_test

import (
	"strings"
	"testing"
	"time"

	idp "github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider"
	"github.com/aws/aws-sdk-go-v2/service/cognitoidentityprovider/types"
)

// TestPages_signUp: a new user registers, shows the code and is signed in.
func TestPages_signUp(t *testing.T) {
	eachDomain(t, confidential, func(d *openedDomain) {
		name := "bob" + strings.ToLower(d.Name()[len(d.Name())-4:])
		b := d.browser()
		b.see("/login", d.usual()...)
		p := b.see("/signup", d.usual()...).shows(200, "Create an account")
		if _, has := p.fields["requiredAttributes[email]"]; !has {
			d.Fatalf("the form has %v", p.fields)
		}
		mail := email(name)
		p.submit("username", "", "password", password, "requiredAttributes[email]", mail).shows(200, "Username is missing.")
		p.submit("username", name, "password", password).shows(200, "Email is missing.")
		p.submit("username", name, "password", "", "requiredAttributes[email]", mail).shows(200, "Password is missing.")
		p.submit("username", name, "password", "short", "requiredAttributes[email]", mail).shows(200, "At least 8 characters")
		p.submit("username", name, "password", "long-enough-1", "requiredAttributes[email]", mail).shows(200, "does not fit yet: An upper-case letter")
		p.submit("username", name, "password", password, "requiredAttributes[email]", "none").shows(200, "This is not an email address.")
		p.submit("username", "ann", "password", password, "requiredAttributes[email]", mail).shows(200, "There is already an account with this name.")
		asked := p.submit("username", name, "password", password, "requiredAttributes[email]", mail).shows(200, "We sent a code to "+mail[:1]+"***@e***.")
		asked.submit("code", "").shows(200, "Something is missing.")
		asked.submit("code", "000000x").shows(200, "This code is not right.")
		first := d.server.Code(mail)
		asked.submitTo(asked.buttons[""], "code", "").shows(200, "Confirm your account") // the first button
		again := asked.submitTo(strings.Replace(asked.action, "/confirm", "/resendcode", 1)).shows(200, "If there is an account with this name")
		if d.server.Code(mail) == first {
			d.Error("no new code was sent")
		}
		// Whoever signs in first is asked for the code as well.
		p = b.see("/login", d.usual()...).submit("username", name, "password", password).shows(200, "not confirmed yet")
		p.submit("code", first).shows(200, "This code is not right.")
		if held := again.fields["registered"]; held == "" || strings.Contains(held, password) {
			d.Errorf("the page holds %q", held)
		}
		// The code is the last step: the page still knows what was registered.
		again.submit("code", d.server.Code(mail)).redeemed()
		again.submit("code", d.server.Code(mail)).shows(200, "This account is confirmed already.")
		// What the page holds is for its user, for an hour. Then the password is typed.
		register := func(name string) *page {
			fresh := d.browser().see("/signup", d.usual()...)
			return fresh.submit("username", name, "password", password, "requiredAttributes[email]", email(name)).shows(200, "We sent a code")
		}
		altered, others, late := register(name+"2"), register(name+"3"), register(name+"4")
		altered.submit("code", d.server.Code(email(name+"2")), "registered", flip(altered.fields["registered"])).shows(200, "Your account is confirmed.")
		done := others.submit("code", d.server.Code(email(name+"3")), "registered", late.fields["registered"]).shows(200, "Your account is confirmed.")
		if done.fields["username"] != name+"3" {
			d.Errorf("the sign-in page has %v", done.fields)
		}
		done.submit("password", password).redeemed()
		d.server.Advance(time.Hour)
		late.submit("code", d.server.Code(email(name+"4"))).shows(200, "Your account is confirmed.")
		b.see("/confirm", d.usual()...).submit("username", "nobody", "code", "123456").shows(200, "This code has expired.")
		b.see("/confirm", d.usual()...).submitTo(strings.Replace(again.action, "/confirm", "/resendcode", 1), "username", "nobody").shows(200, "If there is an account with this name")
	})
}

func TestPages_signUpClosed(t *testing.T) {
	each(t, func(e *env) {
		d := e.openDomain(nil)
		_, err := e.root.IDP.UpdateUserPool(e.Context(), &idp.UpdateUserPoolInput{UserPoolId: &d.pool, AdminCreateUserConfig: &types.AdminCreateUserConfigType{AllowAdminCreateUserOnly: true}})
		e.ok(err)
		b := d.browser()
		if p := b.see("/login", d.usual()...); strings.Contains(p.text, "Create an account") {
			e.Error("the sign-in page leads to a sign-up that there is not")
		}
		b.see("/signup", d.usual()...).shows(403, "Accounts are made by an administrator here.")
		p := b.see("/forgotPassword", d.usual()...)
		p.submitTo(strings.Replace(p.action, "/forgotPassword", "/signup", 1), "username", "bob", "password", password).shows(403, "Accounts are made by an administrator here.")
	})
}

// TestPages_link: the link of a mail confirms as the code does, after a click.
func TestPages_link(t *testing.T) {
	eachDomain(t, nil, func(d *openedDomain) {
		name := "link" + strings.ToLower(d.Name()[len(d.Name())-4:])
		_, err := d.signUp(name, password)
		d.ok(err)
		b := d.browser()
		q := []string{"client_id", d.client, "user_name", name, "confirmation_code", d.server.Code(email(name))}
		b.see("/confirmUser", "client_id", d.client, "user_name", name, "confirmation_code", "1").submit().shows(400, "This link has been used or has expired.")
		b.see("/confirmUser", "client_id", "nosuch", "user_name", name, "confirmation_code", "1").submit().shows(400, "This link has been used or has expired.")
		b.see("/confirmUser", "client_id", "<", "user_name", name, "confirmation_code", "1").submit().shows(400, "This link has been used or has expired.")
		b.see("/confirmUser", q...).shows(200, "One more click").submit().shows(200, "Your account is confirmed.")
		b.see("/confirmUser", q...).submit().shows(400, "This link has been used or has expired.")
		d.tokens(name)
	})
}
