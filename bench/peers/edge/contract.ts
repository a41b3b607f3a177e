import { Access, Priority } from "@antiphon/proto/antiphon/options/v1/options";
import { reviewContract } from "../../../gateway/testing/review-contract.ts";

const access = Access.PUBLIC;

/** A service that the gateway learns of by reflection: calls of each priority, and a stream. */
export const contract = reviewContract({
  methods: {
    GetReview: { access },
    SearchReviews: { access, priority: Priority.SHEDDABLE },
    SignReview: { access, priority: Priority.CRITICAL },
    WatchReviews: { access },
  },
});
