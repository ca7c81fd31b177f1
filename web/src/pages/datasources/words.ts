/** Why a sample can't be decoded, as a sentence: of a value it is told without saying whose. */
export function undecoded(error: string): string {
  const sentence = /^[A-Z]/.test(error) ? error : `The message ${error}`;
  return sentence.endsWith(".") ? sentence : `${sentence}.`;
}
