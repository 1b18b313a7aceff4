// Signs as WSO2 API Manager does. What differs between its versions stands in settings.json:
// the padding, the unit of exp, whether there is an iat, and how x5t is spelled.

const CLAIMS = 'http://wso2.org/claims/';

function encode(content) {
    const text = Buffer.from(content).toString('base64');
    return settings.padded ? text : text.replace(/=+$/, '');
}

function caller(r) {
    const words = (r.headersIn['Authorization'] || '').split(' ');
    return words.length === 2 && words[0] === 'Bearer' ? settings.callers[words[1]] : undefined;
}

function claims(who) {
    const now = Math.floor(Date.now() / 1000);
    const expires = now + 900;
    const found = {iss: 'wso2.org/products/am', exp: settings.milliseconds ? expires * 1000 : expires};
    if (settings.issued_at) {
        found.iat = now;
    }
    found[CLAIMS + 'apicontext'] = settings.context;
    found[CLAIMS + 'version'] = '1.0.0';
    Object.keys(who).forEach((name) => {
        found[CLAIMS + name] = who[name];
    });
    return found;
}

async function sign(r) {
    const who = caller(r);
    if (!who) {
        r.return(401);
        return;
    }
    const header = {typ: 'JWT', alg: 'RS256', x5t: settings.x5t};
    const input = encode(JSON.stringify(header)) + '.' + encode(JSON.stringify(claims(who)));
    const algorithm = {name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256'};
    const der = Buffer.from(settings.pkcs8, 'base64');
    const key = await crypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign']);
    const signature = await crypto.subtle.sign(algorithm, key, input);
    r.variables.assertion = input + '.' + encode(signature);
    r.return(204);
}

function jwks(r) {
    r.headersOut['Content-Type'] = 'application/json';
    r.return(200, JSON.stringify(settings.jwks));
}

export default {sign, jwks};
