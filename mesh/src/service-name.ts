import { service as serviceOption } from "@antiphon/proto/antiphon/options/v1/options";
import { type DescService, getOption, hasOption } from "@bufbuild/protobuf";

/** The name under which a service is found: its contract's option, else the domain, the second part of its package. */
export function serviceNameOf(service: DescService): string {
  const named = hasOption(service, serviceOption) ? getOption(service, serviceOption).name : "";
  return named || (service.typeName.split(".")[1] ?? service.typeName);
}
