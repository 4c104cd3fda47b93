/** SAS tokens of a device (IoT Hub docs, "Control access to IoT Hub by using shared access signatures"). */

import { isObject, text, type Json } from "./format";

/** Seconds for which a token is valid; it is used at once. */
const LIFETIME = 300;

/** A device's key, which can sign but cannot be read. */
export class DeviceKey {
  private constructor(
    private readonly resource: string,
    private readonly key: CryptoKey,
  ) {}

  /** The key in a device's identity; throws an error with the reason if there is no key. */
  static async of(hostname: string, identity: Json): Promise<DeviceKey> {
    const authentication = isObject(identity) ? identity["authentication"] : undefined;
    const keys = isObject(authentication) ? authentication["symmetricKey"] : undefined;
    const [id, secret] = [text(identity, "deviceId"), text(keys, "primaryKey")];
    if (["selfSigned", "certificateAuthority"].includes(text(authentication, "type") ?? "")) {
      throw new Error(
        "The device authenticates with an X.509 certificate, and this page does not have its private key. Use 'azmqtt device send-d2c-message' instead.",
      );
    }
    if (secret === undefined || id === undefined) {
      throw new Error("The device has no symmetric key. Choose a device with a symmetric key, or give this one a key.");
    }
    const bytes = Uint8Array.from(atob(secret), (letter) => letter.charCodeAt(0));
    const key = await crypto.subtle.importKey("raw", bytes, { name: "HMAC", hash: "SHA-256" }, false, ["sign"]);
    return new DeviceKey(encodeURIComponent(`${hostname}/devices/${encodeURIComponent(id)}`), key);
  }

  /** A token for the header `Authorization`. */
  async token(): Promise<string> {
    const expiry = Math.floor(Date.now() / 1000) + LIFETIME;
    const signed = new TextEncoder().encode(`${this.resource}\n${expiry}`);
    const signature = await crypto.subtle.sign("HMAC", this.key, signed);
    const sig = encodeURIComponent(btoa(String.fromCharCode(...new Uint8Array(signature))));
    return `SharedAccessSignature sr=${this.resource}&sig=${sig}&se=${expiry}`;
  }
}
