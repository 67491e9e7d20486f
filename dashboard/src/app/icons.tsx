/** The page's icons: 20 × 20, drawn with the colour of the text around them. */

import type { ReactNode } from "react";

function Icon({ children }: { children: ReactNode }): ReactNode {
  return (
    <svg className="icon" viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      {children}
    </svg>
  );
}

export const PlusIcon = (): ReactNode => (
  <Icon>
    <path d="M10 4v12M4 10h12" />
  </Icon>
);

export const ExpandIcon = (): ReactNode => (
  <Icon>
    <path d="M4 8V4h4M12 4h4v4M16 12v4h-4M8 16H4v-4" />
  </Icon>
);

export const ShrinkIcon = (): ReactNode => (
  <Icon>
    <path d="M8 4v4H4M16 8h-4V4M12 16v-4h4M4 12h4v4" />
  </Icon>
);

export const MoreIcon = (): ReactNode => (
  <Icon>
    <circle cx="4.5" cy="10" r="1" />
    <circle cx="10" cy="10" r="1" />
    <circle cx="15.5" cy="10" r="1" />
  </Icon>
);

export const SystemIcon = (): ReactNode => (
  <Icon>
    <circle cx="10" cy="10" r="6" />
    <path className="icon__fill" d="M10 4a6 6 0 0 1 0 12z" />
  </Icon>
);

export const SunIcon = (): ReactNode => (
  <Icon>
    <circle cx="10" cy="10" r="3" />
    <path d="M10 2.5v2M10 15.5v2M2.5 10h2M15.5 10h2M4.7 4.7l1.4 1.4M13.9 13.9l1.4 1.4M15.3 4.7l-1.4 1.4M6.1 13.9l-1.4 1.4" />
  </Icon>
);

export const MoonIcon = (): ReactNode => (
  <Icon>
    <path d="M15.5 11.8A6 6 0 0 1 8.2 4.5a6 6 0 1 0 7.3 7.3z" />
  </Icon>
);

export const LogOutIcon = (): ReactNode => (
  <Icon>
    <path d="M8 4H4v12h4M9 10h7M13 6.5l3.5 3.5-3.5 3.5" />
  </Icon>
);

export const LockIcon = (): ReactNode => (
  <Icon>
    <path d="M5 9h10v7H5zM7 9V6.5a3 3 0 0 1 6 0V9" />
  </Icon>
);

export const CloseIcon = (): ReactNode => (
  <Icon>
    <path d="M5 5l10 10M15 5L5 15" />
  </Icon>
);

export const PlayIcon = (): ReactNode => (
  <Icon>
    <path className="icon__fill" d="M7 4.5v11l8.5-5.5z" />
  </Icon>
);

export const LeftIcon = (): ReactNode => (
  <Icon>
    <path d="M12 4l-6 6 6 6" />
  </Icon>
);

export const RightIcon = (): ReactNode => (
  <Icon>
    <path d="M8 4l6 6-6 6" />
  </Icon>
);

export const CameraIcon = (): ReactNode => (
  <Icon>
    <path d="M3 6h10v8H3zM13 9l4-2v6l-4-2" />
  </Icon>
);

export const AlertIcon = (): ReactNode => (
  <Icon>
    <path d="M10 3.5l7 12.5H3zM10 8.5v3.5M10 14v.1" />
  </Icon>
);

export const KeyIcon = (): ReactNode => (
  <Icon>
    <circle cx="7" cy="13" r="3" />
    <path d="M9.2 10.8L16 4M13 7l2 2" />
  </Icon>
);

export const InboxIcon = (): ReactNode => (
  <Icon>
    <path d="M3 11l2.5-7h9L17 11v5H3zM3 11h4l1 2h4l1-2h4" />
  </Icon>
);

export const PluginIcon = (): ReactNode => (
  <Icon>
    <path d="M7 3v4M13 3v4M5 7h10v3a5 5 0 0 1-10 0zM10 15v3" />
  </Icon>
);

export const HomeIcon = (): ReactNode => (
  <Icon>
    <path d="M4 9.5L10 4l6 5.5M6 8.5V16h8V8.5" />
  </Icon>
);

export const MinusIcon = (): ReactNode => (
  <Icon>
    <path d="M4 10h12" />
  </Icon>
);

/** Points up; the style turns it. */
export const ArrowIcon = (): ReactNode => (
  <Icon>
    <path d="M10 15V5M6 9l4-4 4 4" />
  </Icon>
);

export const Mark = (): ReactNode => (
  <svg className="mark" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
    <rect className="mark__case" width="32" height="32" rx="8" />
    <circle className="mark__ring" cx="16" cy="16" r="9" />
    <circle className="mark__lens" cx="16" cy="16" r="4" />
  </svg>
);
