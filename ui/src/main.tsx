import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { ApiError } from "./api/client";
import { router } from "./app/router";
import { SettingsProvider } from "./app/settings";
import "./styles/tokens.css";
import "./styles/app.css";
import "./styles/parts.css";

const isLasting = (error: Error): boolean => error instanceof ApiError && error.status >= 400 && error.status < 500;

const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 2_000,
      refetchOnWindowFocus: false,
      retry: (count, error) => !isLasting(error) && count < 3,
    },
  },
});

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <SettingsProvider>
        <QueryClientProvider client={queries}>
          <RouterProvider router={router} />
        </QueryClientProvider>
      </SettingsProvider>
    </StrictMode>,
  );
}
