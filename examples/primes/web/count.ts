// What a page of the team does: it counts primes, and shows how far it is.
import { connect } from "@pay-theory/streamer";
import type { Actions } from "./actions.js";

export async function count(url: string, token: string, upTo: number, show: (percentage: number) => void): Promise<number> {
  const streamer = connect<Actions>(url, { token });
  const request = streamer.submit("count_primes", { up_to: upTo });
  request.onUpdate(({ percentage }) => show(percentage));
  const { primes } = await request.result();
  streamer.close();
  return primes;
}
