/**
 * The exponential moving average of a curve, with the bias towards its beginning corrected, as TensorBoard has it. Gaps stay gaps and have
 * no weight.
 *
 * @param weight how much of the past is kept: 0 changes nothing, close to 1 leaves hardly more than the trend.
 */
export function smooth(values: readonly (number | null)[], weight: number): (number | null)[] {
  if (!(weight > 0)) return [...values];
  let mean = 0;
  let scale = 0;
  return values.map((value) => {
    if (value === null || !Number.isFinite(value)) return null;
    mean = mean * weight + value * (1 - weight);
    scale = scale * weight + (1 - weight);
    return mean / scale;
  });
}
