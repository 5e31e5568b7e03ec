// The sample page of the first walk-through: sign up, confirm, sign in by SRP,
// trade the ID token for credentials, list the bucket with them.
'use strict';

const stack = window.stack;
const byId = id => document.getElementById(id);
const utf8 = text => new TextEncoder().encode(text);
const toHex = bytes => Array.from(bytes, b => b.toString(16).padStart(2, '0')).join('');

// ---- the APIs ----

async function call(target, body) {
  const answer = await fetch(stack.endpoint + '/', {
    method: 'POST',
    headers: { 'Content-Type': 'application/x-amz-json-1.1', 'X-Amz-Target': target },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  const json = text ? JSON.parse(text) : {};
  if (!answer.ok) throw Object.assign(new Error(json.message || json.Message || 'The server refused the request.'), { name: json.__type });
  return json;
}
const users = (operation, body) => call('AWSCognitoIdentityProviderService.' + operation, { ClientId: stack.clientId, ...body });
const identities = (operation, body) => call('AWSCognitoIdentityService.' + operation, body);

// ---- SRP, the client's half ----

const N = BigInt('0x' +
  'FFFFFFFFFFFFFFFFC90FDAA22168C234C4C6628B80DC1CD129024E088A67CC74020BBEA63B139B22514A08798E3404DDEF9519B3CD3A431B302B0A6DF25F14374FE1356D6D51C245' +
  'E485B576625E7EC6F44C42E9A637ED6B0BFF5CB6F406B7EDEE386BFB5A899FA5AE9F24117C4B1FE649286651ECE45B3DC2007CB8A163BF0598DA48361C55D39A69163FA8FD24CF5F' +
  '83655D23DCA3AD961C62F356208552BB9ED529077096966D670C354E4ABC9804F1746C08CA18217C32905E462E36CE3BE39E772C180E86039B2783A2EC07A28FB5C55DF06F4C52C9' +
  'DE2BCBF6955817183995497CEA956AE515D2261898FA051015728E5A8AAAC42DAD33170D04507A33A85521ABDF1CBA64ECFB850458DBEF0A8AEA71575D060C7DB3970F85A6E1E4C7' +
  'ABF5AE8CDB0933D71E8C94E04A25619DCEE3D2261AD2EE6BF12FFA06D98A0864D87602733EC86A64521F2B18177B200CBBE117577A615D6C770988C0BAD946E208E24FA074E5AB31' +
  '43DB5BFCE0FD108E4B82D120A93AD2CAFFFFFFFFFFFFFFFF');

function power(base, exponent) {
  let result = 1n;
  for (base %= N; exponent > 0n; exponent >>= 1n, base = base * base % N) if (exponent & 1n) result = result * base % N;
  return result;
}

// The bytes of a number as both sides hash it: big-endian, a zero byte in
// front when the top bit is set.
function pad(number) {
  let hex = number.toString(16);
  if (hex.length % 2) hex = '0' + hex;
  if (parseInt(hex.slice(0, 2), 16) > 127) hex = '00' + hex;
  return Uint8Array.from(hex.match(/../g), h => parseInt(h, 16));
}

function join(...parts) {
  const all = new Uint8Array(parts.reduce((n, p) => n + p.length, 0));
  let at = 0;
  for (const p of parts) { all.set(p, at); at += p.length; }
  return all;
}

const sha256 = async (...parts) => new Uint8Array(await crypto.subtle.digest('SHA-256', join(...parts)));
const toNumber = bytes => BigInt('0x' + toHex(bytes));
const fromBase64 = text => Uint8Array.from(atob(text), c => c.charCodeAt(0));
const toBase64 = bytes => btoa(String.fromCharCode(...bytes));

async function hmac(key, data) {
  const k = await crypto.subtle.importKey('raw', key, { name: 'HMAC', hash: 'SHA-256' }, false, ['sign']);
  return new Uint8Array(await crypto.subtle.sign('HMAC', k, data));
}

// Tue Jan 5 03:04:05 UTC 2027
function timestamp(now) {
  const [day, date, month, year, time] = now.toUTCString().replace(',', '').split(' ');
  return `${day} ${month} ${Number(date)} ${time} UTC ${year}`;
}

async function signIn(username, password) {
  const a = toNumber(crypto.getRandomValues(new Uint8Array(128)));
  const A = power(2n, a);
  const { ChallengeParameters: c } = await users('InitiateAuth', {
    AuthFlow: 'USER_SRP_AUTH', AuthParameters: { USERNAME: username, SRP_A: A.toString(16) },
  });
  const B = BigInt('0x' + c.SRP_B), pool = stack.userPoolId.split('_')[1], id = c.USER_ID_FOR_SRP;
  const u = toNumber(await sha256(pad(A), pad(B)));
  const k = toNumber(await sha256(pad(N), pad(2n)));
  const x = toNumber(await sha256(pad(BigInt('0x' + c.SALT)), await sha256(utf8(`${pool}${id}:${password}`))));
  const base = ((B - k * power(2n, x)) % N + N) % N;
  const S = power(base, a + u * x);
  const key = (await hmac(await hmac(pad(u), pad(S)), join(utf8('Caldera Derived Key'), Uint8Array.of(1)))).slice(0, 16);
  const when = timestamp(new Date());
  const signature = await hmac(key, join(utf8(pool + id), fromBase64(c.SECRET_BLOCK), utf8(when)));
  const answer = await users('RespondToAuthChallenge', {
    ChallengeName: 'PASSWORD_VERIFIER',
    ChallengeResponses: {
      USERNAME: id, TIMESTAMP: when, PASSWORD_CLAIM_SECRET_BLOCK: c.SECRET_BLOCK, PASSWORD_CLAIM_SIGNATURE: toBase64(signature),
    },
  });
  if (!answer.AuthenticationResult) throw new Error('This account has to do something else first: ' + answer.ChallengeName);
  return answer.AuthenticationResult;
}

// ---- credentials, and a signed request ----

async function credentials(idToken) {
  const Logins = { [`cognito-idp.${stack.region}.amazonaws.com/${stack.userPoolId}`]: idToken };
  const { IdentityId } = await identities('GetId', { IdentityPoolId: stack.identityPoolId, Logins });
  return identities('GetCredentialsForIdentity', { IdentityId, Logins });
}

// list signs GET /bucket with Signature Version 4.
async function list({ AccessKeyId, SecretKey, SessionToken }) {
  const url = new URL(`/${stack.bucket}`, stack.endpoint);
  const stamp = new Date().toISOString().replace(/[-:]|\.\d{3}/g, ''), day = stamp.slice(0, 8);
  const empty = toHex(await sha256(new Uint8Array()));
  const headers = { host: url.host, 'x-amz-content-sha256': empty, 'x-amz-date': stamp, 'x-amz-security-token': SessionToken };
  const names = Object.keys(headers).join(';');
  const request = ['GET', url.pathname, '', ...Object.entries(headers).map(([k, v]) => `${k}:${v}`), '', names, empty].join('\n');
  const scope = `${day}/${stack.region}/s3/aws4_request`;
  let key = utf8('AWS4' + SecretKey);
  for (const part of scope.split('/')) key = await hmac(key, utf8(part));
  const signature = toHex(await hmac(key, utf8(['AWS4-HMAC-SHA256', stamp, scope, toHex(await sha256(utf8(request)))].join('\n'))));
  delete headers.host; // the browser's to send
  headers.authorization = `AWS4-HMAC-SHA256 Credential=${AccessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`;
  const answer = await fetch(url, { headers });
  const xml = new DOMParser().parseFromString(await answer.text(), 'application/xml');
  const text = (from, tag) => from.getElementsByTagName(tag)[0]?.textContent ?? '';
  if (!answer.ok) throw Object.assign(new Error(text(xml, 'Message')), { name: text(xml, 'Code') });
  return Array.from(xml.getElementsByTagName('Contents'), o => ({ key: text(o, 'Key'), size: Number(text(o, 'Size')), modified: new Date(text(o, 'LastModified')) }));
}

// ---- the page ----

function show(id) {
  for (const part of ['signin', 'signup', 'confirm', 'member']) byId(part).hidden = part !== id;
  document.querySelector('nav').hidden = id === 'confirm' || id === 'member';
  for (const tab of document.querySelectorAll('[role=tab]')) tab.setAttribute('aria-selected', String(tab.getAttribute('aria-controls') === id));
  if (id !== 'member') byId('files').hidden = true;
  byId(id).querySelector('input')?.focus();
}

function say(text, bad = false) {
  byId('message').textContent = text;
  byId('message').classList.toggle('bad', bad);
}

// work runs an action of a form with its button disabled and its error shown.
function work(form, action) {
  form.addEventListener('submit', async event => {
    event.preventDefault();
    const button = form.querySelector('[type=submit]');
    button.disabled = true;
    say('');
    try {
      await action(Object.fromEntries(new FormData(form)));
    } catch (error) {
      say(error.message, true);
    } finally {
      button.disabled = false;
    }
  });
}

let waiting = {}; // who has to confirm, and the password to sign in with then

async function enter(username, password) {
  say('Signing in…');
  const tokens = await signIn(username, password);
  const { IdentityId, Credentials } = await credentials(tokens.IdToken);
  byId('who').textContent = username;
  byId('identity').textContent = IdentityId;
  show('member');
  say('Listing the bucket…');
  const objects = await list(Credentials);
  byId('bucket').textContent = stack.bucket;
  byId('rows').replaceChildren(...objects.map(o => {
    const row = document.createElement('tr');
    for (const [value, name] of [[o.key, ''], [o.size.toLocaleString(), 'number'], [o.modified.toLocaleString(), '']]) {
      const cell = row.insertCell();
      cell.textContent = value;
      cell.className = name;
    }
    return row;
  }));
  byId('files').hidden = false;
  say('');
}

function ask(username, password, destination) {
  waiting = { username, password };
  byId('destination').textContent = destination;
  byId('outbox').href = stack.endpoint + '/_gatehouse/outbox';
  show('confirm');
}

work(byId('signup'), async ({ username, email, password }) => {
  const { CodeDeliveryDetails: d } = await users('SignUp', { Username: username, Password: password, UserAttributes: [{ Name: 'email', Value: email }] });
  ask(username, password, d.Destination);
});

work(byId('confirm'), async ({ code }) => {
  await users('ConfirmSignUp', { Username: waiting.username, ConfirmationCode: code, ForceAliasCreation: true });
  await enter(waiting.username, waiting.password);
});

work(byId('signin'), async ({ username, password }) => {
  try {
    await enter(username, password);
  } catch (error) {
    if (error.name !== 'UserNotConfirmedException') throw error;
    const { CodeDeliveryDetails: d } = await users('ResendConfirmationCode', { Username: username });
    ask(username, password, d.Destination);
  }
});

byId('signout').addEventListener('click', () => {
  for (const form of document.forms) form.reset();
  byId('rows').replaceChildren();
  show('signin');
  say('You are signed out.');
});

for (const tab of document.querySelectorAll('[role=tab]')) {
  tab.addEventListener('click', () => { say(''); show(tab.getAttribute('aria-controls')); });
}
