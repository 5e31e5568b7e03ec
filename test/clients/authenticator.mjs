// A browser's passkeys in Node: window, and navigator.credentials over an
// authenticator of software (WebAuthn Level 3), which is built in, knows its
// user, and keeps keys of P-256. Unlike a browser it lets a page of any origin
// use it, so that the server is the one who has to look.
import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';

// The parts of CBOR that an attestation needs (RFC 8949).
const head = (type, n) => (n < 24 ? Buffer.from([(type << 5) | n]) : n < 256 ? Buffer.from([(type << 5) | 24, n]) : Buffer.from([(type << 5) | 25, n >> 8, n & 255]));
function cbor(v) {
  if (typeof v === 'number') return v < 0 ? head(1, -1 - v) : head(0, v);
  if (typeof v === 'string') return Buffer.concat([head(3, v.length), Buffer.from(v)]);
  if (Buffer.isBuffer(v)) return Buffer.concat([head(2, v.length), v]);
  return Buffer.concat([head(5, v.size), ...[...v].flatMap(([k, w]) => [cbor(k), cbor(w)])]);
}

const sha256 = (data) => createHash('sha256').update(data).digest();
const bytes = (buffer) => Uint8Array.from(buffer).buffer;

class PublicKeyCredential {
  type = 'public-key';

  authenticatorAttachment = 'platform';

  constructor(id, response) {
    Object.assign(this, { id: id.toString('base64url'), rawId: bytes(id), response });
  }

  getClientExtensionResults() { return {}; }
}
class AuthenticatorAttestationResponse {
  constructor(members) { Object.assign(this, members); }

  getTransports() { return ['internal']; }

  getPublicKeyAlgorithm() { return -7; }

  getPublicKey() { return bytes(this.key.export({ type: 'spki', format: 'der' })); }

  getAuthenticatorData() { return this.authenticatorData; }
}
class AuthenticatorAssertionResponse {
  constructor(members) { Object.assign(this, members); }
}

// passkeys runs f as a page of an origin, whose passkeys kept holds.
export async function passkeys(origin, kept, f) {
  const clientData = (type, challenge) => Buffer.from(JSON.stringify({ type, challenge: Buffer.from(challenge).toString('base64url'), origin, crossOrigin: false }));
  const data = (rpId, flags, rest = Buffer.alloc(0)) => Buffer.concat([sha256(rpId), Buffer.from([flags, 0, 0, 0, 0]), rest]);
  const refuse = (name) => { throw new DOMException(`refused by the authenticator: ${name}`, name); };
  const credentials = {
    create: async ({ publicKey: { rp, user, challenge, excludeCredentials } }) => {
      if (excludeCredentials.some(({ id }) => kept.has(Buffer.from(id).toString('base64url')))) refuse('InvalidStateError');
      const { publicKey: key, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const { x, y } = key.export({ format: 'jwk' });
      const id = randomBytes(32);
      kept.set(id.toString('base64url'), { privateKey, rpId: rp.id, userHandle: user.id });
      // COSE_Key: kty EC2, alg ES256, crv P-256, x, y.
      const cose = cbor(new Map([[1, 2], [3, -7], [-1, 1], [-2, Buffer.from(x, 'base64url')], [-3, Buffer.from(y, 'base64url')]]));
      // User present and verified, attested: AAGUID, length of the id, id, key.
      const authData = data(rp.id, 0x45, Buffer.concat([Buffer.alloc(16), Buffer.from([0, id.length]), id, cose]));
      return new PublicKeyCredential(id, new AuthenticatorAttestationResponse({
        key, clientDataJSON: bytes(clientData('webauthn.create', challenge)), authenticatorData: bytes(authData),
        attestationObject: bytes(cbor(new Map([['fmt', 'none'], ['attStmt', new Map()], ['authData', authData]]))),
      }));
    },
    get: async ({ publicKey: { rpId, challenge, allowCredentials } }) => {
      const allowed = allowCredentials.map(({ id }) => Buffer.from(id)).find((id) => kept.get(id.toString('base64url'))?.rpId === rpId);
      if (!allowed) refuse('NotAllowedError');
      const { privateKey, userHandle } = kept.get(allowed.toString('base64url'));
      const clientDataJSON = clientData('webauthn.get', challenge);
      const authData = data(rpId, 0x05);
      return new PublicKeyCredential(allowed, new AuthenticatorAssertionResponse({
        clientDataJSON: bytes(clientDataJSON), authenticatorData: bytes(authData), userHandle,
        signature: bytes(sign('sha256', Buffer.concat([authData, sha256(clientDataJSON)]), privateKey)),
      }));
    },
  };
  const page = {
    window: globalThis, document: {}, isSecureContext: true, PublicKeyCredential, AuthenticatorAttestationResponse, AuthenticatorAssertionResponse,
    navigator: { userAgent: 'Node.js', credentials },
  };
  const before = Object.fromEntries(Object.keys(page).map((name) => [name, Object.getOwnPropertyDescriptor(globalThis, name)]));
  for (const [name, value] of Object.entries(page)) Object.defineProperty(globalThis, name, { value, configurable: true, writable: true });
  try {
    return await f();
  } finally {
    for (const [name, was] of Object.entries(before)) {
      if (was) Object.defineProperty(globalThis, name, was);
      else delete globalThis[name];
    }
  }
}
