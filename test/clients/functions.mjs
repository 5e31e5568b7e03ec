// The functions of a user pool, behind AWS Lambda's Invoke API: a sign-in by
// CUSTOM_AUTH is a sum to be done, in three tries, after the password where the
// client begins with one.
//
// The Go test hands the listening socket down as file 3, because the server has
// to know the address before this program runs.
import { createServer } from 'node:http';
import { account, region } from './stack.mjs';

const handlers = {
  DefineAuthChallenge({ request: { session, userNotFound }, response }) {
    const last = session.at(-1);
    Object.assign(response, { issueTokens: false, failAuthentication: false });
    if (last?.challengeName === 'SRP_A') response.challengeName = 'PASSWORD_VERIFIER';
    else if (last?.challengeName === 'CUSTOM_CHALLENGE' && last.challengeResult && last.challengeMetadata === 'SUM') response.issueTokens = !userNotFound;
    else if (session.filter((s) => s.challengeName === 'CUSTOM_CHALLENGE').length === 3) response.failAuthentication = true;
    else response.challengeName = 'CUSTOM_CHALLENGE';
  },
  CreateAuthChallenge({ request: { clientMetadata, session }, response }) {
    const numbers = [session.length + 2, Math.floor(Math.random() * 90) + 10];
    response.publicChallengeParameters = { question: numbers.join(' + '), greeting: `Hello, ${clientMetadata?.nick ?? 'you'}!` };
    response.privateChallengeParameters = { answer: String(numbers[0] + numbers[1]) };
    response.challengeMetadata = 'SUM';
  },
  VerifyAuthChallengeResponse({ request: { privateChallengeParameters, challengeAnswer }, response }) {
    response.answerCorrect = privateChallengeParameters.answer === challengeAnswer;
  },
};

const arn = (name) => `arn:aws:lambda:${region}:${account}:function:${name}`;

// lambdaConfig is what a pool with these functions is made with.
export const lambdaConfig = Object.fromEntries(Object.keys(handlers).map((name) => [name, arn(name)]));

// sum is the right answer to a question.
export const sum = (question) => String(question.split(' + ').reduce((a, b) => a + Number(b), 0));

// serveFunctions answers the server's calls until the program ends.
export async function serveFunctions() {
  const server = createServer(async (request, response) => {
    const name = decodeURIComponent(request.url).match(/^\/2015-03-31\/functions\/.*:function:(\w+)\/invocations$/)?.[1];
    if (!handlers[name]) return response.writeHead(404).end('{"Type":"User","Message":"Function not found"}');
    const parts = [];
    for await (const part of request) parts.push(part);
    const event = JSON.parse(Buffer.concat(parts));
    handlers[name](event);
    return response.end(JSON.stringify(event));
  });
  await new Promise((resolve) => { server.listen({ fd: 3 }, resolve); });
}
