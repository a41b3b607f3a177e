import { CatalogErrorDetailSchema } from "@antiphon/proto/antiphon/catalog/v1/catalog";
import { IdentityErrorDetailSchema } from "@antiphon/proto/antiphon/identity/v1/identity";
import { PlayerErrorDetailSchema } from "@antiphon/proto/antiphon/player/v1/player";
import { PlaylistErrorDetailSchema } from "@antiphon/proto/antiphon/playlist/v1/playlist";
import { SearchErrorDetailSchema } from "@antiphon/proto/antiphon/search/v1/search";
import { createRegistry, fromBinary, toJsonString } from "@bufbuild/protobuf";

/** An error as Connect's JSON puts it. */
interface ErrorJson {
  readonly code: string;
  readonly message?: string;
  readonly details?: readonly { readonly type: string; readonly value: string }[];
}

const reasons = createRegistry(
  CatalogErrorDetailSchema,
  IdentityErrorDetailSchema,
  PlayerErrorDetailSchema,
  PlaylistErrorDetailSchema,
  SearchErrorDetailSchema,
);

/** Its code, and its message with the reasons of its details spelled out. */
export function describeError(json: string): { code: string; text: string } {
  const { code, message = "", details = [] } = JSON.parse(json) as ErrorJson;
  const spelled = details.map(({ type, value }) => {
    const schema = reasons.getMessage(type);
    return schema ? toJsonString(schema, fromBinary(schema, Buffer.from(value, "base64"))) : type;
  });
  return { code, text: [message, ...spelled].join(" ") };
}
