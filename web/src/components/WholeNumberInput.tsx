import { NumberInput, type NumberInputProps } from "@mantine/core";

/** A whole number, from 1 unless said otherwise; the server says what is wrong with it. */
export function WholeNumberInput(props: NumberInputProps) {
  return (
    <NumberInput
      min={1}
      clampBehavior="none"
      allowDecimal={false}
      thousandSeparator=","
      withAsterisk={false}
      {...props}
    />
  );
}
