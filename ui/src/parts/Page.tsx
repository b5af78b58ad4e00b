import { type ReactNode, useEffect } from "react";

/** A page of the whole width, named for the window and for those who do not see it. */
export const Page = ({ title, children }: { title: string; children: ReactNode }) => {
  useEffect(() => {
    document.title = `${title} · Tradewind`;
  }, [title]);
  return (
    <div className="page">
      <h1 className="sr">{title}</h1>
      {children}
    </div>
  );
};
