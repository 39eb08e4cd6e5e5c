import { AllowedIssuers } from './allowed-url.js';

const rules = new AllowedIssuers();

describe('the URLs that the broker calls', () => {
  it.each([
    'https://login.example.com',
    'https://login.example.com/indicium',
    'http://localhost:9090/indicium',
    'http://127.0.0.1:9090',
    'http://127.9.9.9',
    'http://[::1]:9090/indicium',
  ])('%s is fine', (url) => {
    expect(() => rules.checkUrl(url, 'issuer')).not.toThrow();
  });

  it.each([
    ['nonsense', /absolute URL/],
    ['', /absolute URL/],
    ['/indicium', /absolute URL/],
    ['http://login.example.com', /https:/],
    ['http://127.0.0.1.example.com', /https:/],
    ['http://localhost.example.com', /https:/],
    ['http://10.0.0.1', /https:/],
    ['ftp://localhost', /https:/],
    ['file:///etc/passwd', /https:/],
    ['javascript:alert(1)', /https:/],
    ['https://user:hunter2@example.com', /user name or a password/],
    ['https://example.com/#x', /fragment/],
    ['https://example.com/#', /fragment/],
    ['https://example.com/?tenant=1', /query/],
    ['https://example.com/.well-known/openid-configuration', /discovery document/],
  ])('%s is not, and the message says what to do', (url, message) => {
    expect(() => rules.checkUrl(url, 'issuer')).toThrow(message);
    expect(() => rules.checkUrl(url, 'issuer')).not.toThrow(/hunter2/);
  });

  it('an endpoint may have a query', () => {
    expect(() => rules.checkUrl('https://example.com/token?p=policy', 'token_endpoint')).not.toThrow();
  });
});
