import { Text } from "@mantine/core";
import { useQuery } from "@tanstack/react-query";
import { ProblemError } from "@/api/client";
import { partOf } from "@/api/resources";
import { ErrorNotice, Loading } from "@/components/states";
import { MatrixTable } from "./MatrixTable";
import type { Matrix } from "./matrix";

interface ResultMatrixProps {
  id: number;
  label: string;
  hasEnded: boolean;
  brief?: boolean;
}

/** The confusion matrix of a result, or why there is none. */
export function ResultMatrix({ id, label, hasEnded, brief = false }: ResultMatrixProps) {
  const matrix = useQuery({ ...partOf<Matrix>("results", id, "confusion-matrix"), enabled: hasEnded });
  if (!hasEnded) return <Why text="It is made from the test part when the training has ended." />;
  if (matrix.data !== undefined) return <MatrixTable matrix={matrix.data} label={label} brief={brief} />;
  if (matrix.error instanceof ProblemError && matrix.error.status === 404) {
    return <Why text={matrix.error.advice ?? matrix.error.message} />;
  }
  if (matrix.error !== null) {
    return (
      <ErrorNotice
        error={matrix.error}
        title="The confusion matrix can't be shown"
        onRetry={() => void matrix.refetch()}
      />
    );
  }
  return <Loading rows={3} />;
}

function Why({ text }: { text: string }) {
  return (
    <Text size="sm" className="quiet">
      There is no confusion matrix. {text}
    </Text>
  );
}
