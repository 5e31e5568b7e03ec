// Asks the browser for the passkey that the form's options describe, or for a
// new one, and sends what it answers. All else on these pages works without a script.
const form = document.forms.challenge
const problem = document.getElementById('passkey-problem')

const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, '+').replace(/_/g, '/')), (c) => c.charCodeAt(0))
const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer))).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '')

const tell = (what) => {
  problem.textContent = what
  problem.hidden = false
}

async function ask() {
  problem.hidden = true
  if (!window.PublicKeyCredential) return tell(form.dataset.missing)
  const options = JSON.parse(form.dataset.options)
  options.challenge = bytes(options.challenge)
  for (const list of ['allowCredentials', 'excludeCredentials']) {
    if (options[list]) options[list] = options[list].map((c) => ({ ...c, id: bytes(c.id) }))
  }
  let answer
  try {
    if (options.user) {
      options.user.id = bytes(options.user.id)
      answer = await navigator.credentials.create({ publicKey: options })
    } else {
      answer = await navigator.credentials.get({ publicKey: options })
    }
  } catch {
    return tell(form.dataset.failed)
  }
  const r = answer.response
  form.elements.credential.value = JSON.stringify({
    id: answer.id, rawId: text(answer.rawId), type: answer.type, authenticatorAttachment: answer.authenticatorAttachment || undefined,
    clientExtensionResults: answer.getClientExtensionResults(),
    response: options.user
      ? { clientDataJSON: text(r.clientDataJSON), attestationObject: text(r.attestationObject), transports: r.getTransports() }
      : {
          clientDataJSON: text(r.clientDataJSON), authenticatorData: text(r.authenticatorData), signature: text(r.signature),
          userHandle: r.userHandle ? text(r.userHandle) : undefined
        }
  })
  form.submit()
}

form.addEventListener('submit', (event) => {
  event.preventDefault()
  ask()
})
// A new passkey is made when its user says so.
if (!JSON.parse(form.dataset.options).user) ask()
