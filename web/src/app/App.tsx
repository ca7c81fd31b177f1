import { MantineProvider } from "@mantine/core";
import { Notifications } from "@mantine/notifications";
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { useEffect, useState } from "react";
import { ProblemError } from "@/api/client";
import { Live } from "@/api/live";
import { LiveContext } from "@/api/useLive";
import { ConfirmProvider } from "@/components/confirm";
import { router } from "./router";
import { theme } from "./theme";

export function App() {
  const [queries] = useState(newQueryClient);
  const [live] = useState(() => new Live(queries));
  useEffect(() => live.start(), [live]);
  return (
    <MantineProvider theme={theme} defaultColorScheme="auto">
      <QueryClientProvider client={queries}>
        <LiveContext value={live}>
          <ConfirmProvider>
            <RouterProvider router={router} context={{ queries }} />
            <Notifications position="bottom-right" />
          </ConfirmProvider>
        </LiveContext>
      </QueryClientProvider>
    </MantineProvider>
  );
}

function newQueryClient(): QueryClient {
  return new QueryClient({
    defaultOptions: {
      queries: {
        // What has changed is told by the server; see live.ts.
        staleTime: 30_000,
        refetchOnWindowFocus: false,
        // The service may be starting or its parts away: that passes. What it refuses, it refuses again.
        retry: (count, error) =>
          count < 5 && error instanceof ProblemError && (error.status === 0 || error.status === 503),
        retryDelay: (count) => Math.min(500 * 2 ** count, 4000),
      },
    },
  });
}
