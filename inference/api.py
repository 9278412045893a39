"""REST: predictions, models, drawings."""

from datetime import datetime

from django.http import Http404, HttpRequest, HttpResponse
from ninja import Router, Schema, Status
from ninja.pagination import LimitOffsetPagination, paginate

from digitsite.accounts.api_access import ApiError, may, may_async
from digitsite.accounts.limits import pictures, submissions
from digitsite.accounts.roles import Capability
from inference import predict_request, registry, selectors
from inference.downloads import download
from inference.model_files import stored_files
from inference.models import Drawing, ModelVersion, Review
from inference.predict_call import predict_call
from inference.promotion_gate import gate_report
from inference.review_item import is_blind
from inference.services import promotion, reviews
from inference.services.drawings import submit_drawing

router = Router()


class PredictIn(Schema):
    """Exactly one of strokes, image, picture, batch, images."""

    strokes: list[list[list[float]]] | None = None
    image: list[list[int]] | None = None
    picture: str | None = None
    batch: list[dict] | None = None
    images: str | None = None
    with_image: bool = False


class AnswerOut(Schema):
    label: int
    confidence: float
    probabilities: list[float]
    sure: bool
    candidates: list[int]
    image: list[list[int]] | None = None


class PredictOut(Schema):
    model: str
    contract: str
    milliseconds: float
    predictions: list[AnswerOut]


@router.post(
    "/predict",
    response=PredictOut,
    auth=may_async(Capability.DRAW),
    tags=["predict"],
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/json": {"schema": PredictIn.model_json_schema()}},
        }
    },
)
async def predict(request: HttpRequest):
    """Read one digit, or up to 512 at once, with the production model.

    Give `strokes` (each a list of points [x, y] or [x, y, milliseconds], 0..1, y down), `image`
    (28 rows of 28 pixels as MNIST has them: white 255 on black 0), or `picture` (a PNG or JPEG in
    base64); or `batch`, a list of such items; or `images`, base64 of N x 784 bytes, the quickest.
    `with_image` adds the 28 x 28 image that the model saw.
    """
    answer = await predict_call(request.body, request.auth.pk)
    return HttpResponse(answer, content_type="application/json")


class FileOut(Schema):
    format: str
    sha256: str
    bytes: int


class ModelOut(Schema):
    number: int
    run: int
    recipe: str
    sha256: str
    contract_id: str
    created_at: datetime
    production: bool
    accuracy: float | None
    files: list[FileOut]
    export_proof: dict


class PromoteIn(Schema):
    """`override`: although the gate blocks the model or has not decided; kept in the history."""

    reason: str
    override: bool = False


class GateOut(Schema):
    """What the gate says now of letting this model take over from the production model."""

    verdict: str
    candidate: int
    production: int | None
    reasons: list[str]
    note: str
    checks: list[dict]
    splits: list[dict]
    alpha: float
    min_drawings: int
    max_ece_rise: float
    made_at: datetime


class DrawingIn(Schema):
    """`label` is what its author says it is; give strokes or picture (base64)."""

    label: int
    strokes: list[list[list[float]]] | None = None
    picture: str | None = None


class DrawingOut(Schema):
    """`author` is null for visitors, and while a blind second opinion is open."""

    id: int
    author: str | None
    share_link: int | None
    origin: str
    device: str
    label: int
    predicted_label: int
    confidence: float
    probabilities: list[float]
    model: str
    contract_id: str
    status: str
    settled_label: int | None
    created_at: datetime
    strokes: list

    @staticmethod
    def resolve_author(drawing: Drawing, context) -> str | None:
        asking = context["request"].auth
        if is_blind() and drawing.status in Drawing.UNSETTLED and drawing.author != asking:
            return None
        return drawing.author and drawing.author.get_username()

    @staticmethod
    def resolve_share_link(drawing: Drawing) -> int | None:
        return drawing.share_link_id

    @staticmethod
    def resolve_model(drawing: Drawing) -> str:
        return str(drawing.model)


class ReviewIn(Schema):
    """`verdict`: confirm, relabel (with `label`), ambiguous or reject."""

    verdict: str
    label: int | None = None


@router.get("/models", response=list[ModelOut], auth=may(Capability.BROWSE), tags=["models"])
def list_models(request: HttpRequest):
    """Every registered model, newest first."""
    production = registry.production()
    return [_told(version, production) for version in selectors.model_versions()]


@router.get("/models/{int:number}", response=ModelOut, auth=may(Capability.BROWSE), tags=["models"])
def get_model(request: HttpRequest, number: int):
    return _told(_version(number), registry.production())


@router.get(
    "/models/{int:number}/files/{str:format}",
    auth=may(Capability.DOWNLOAD_MODELS),
    tags=["models"],
)
def download_model(request: HttpRequest, number: int, format: str):
    """The .keras, .h5 or .onnx file."""
    return download(_version(number), format)


@router.get(
    "/models/{int:number}/gate",
    response=GateOut,
    auth=may(Capability.BROWSE),
    tags=["models"],
)
def model_gate(request: HttpRequest, number: int):
    """The promotion gate's report: passed, blocked, waiting, first or served_before, and why."""
    return gate_report(_version(number), registry.production()).as_dict()


@router.post(
    "/models/{int:number}/promote",
    response=ModelOut,
    auth=may(Capability.PROMOTE_MODELS),
    tags=["models"],
)
def promote_model(request: HttpRequest, number: int, body: PromoteIn):
    """Make a model serve. A 409 with the code `gate_blocked` or `gate_waiting` gives the reasons
    and the gate's report; going back to a model that has served before skips the gate."""
    version = _version(number)
    promotion.promote(version, by=request.auth, reason=body.reason, override=body.override)
    return _told(version, registry.production())


@router.get("/drawings", response=list[DrawingOut], auth=may(Capability.DRAW), tags=["drawings"])
@paginate(LimitOffsetPagination)
def list_drawings(request: HttpRequest, status: str | None = None):
    """One's own, newest first; reviewers get everybody's."""
    found = selectors.drawings_with_authors()
    if not request.auth.can(Capability.REVIEW):
        found = found.filter(author=request.auth)
    if status is None:
        return found
    if status not in Drawing.Status.values:
        raise ApiError(422, "invalid", f"A status is one of {', '.join(Drawing.Status.values)}.")
    return found.filter(status=status)


@router.post("/drawings", response={201: DrawingOut}, auth=may(Capability.DRAW), tags=["drawings"])
def create_drawing(request: HttpRequest, body: DrawingIn):
    """Keep a drawing; it then waits for review. At most 600 at once and 10 a second."""
    submissions.take(request.auth.pk)
    if body.picture:
        pictures.take(request.auth.pk)
    picture = body.picture and predict_request.base64_bytes(body.picture, "picture")
    drawing = submit_drawing(
        author=request.auth,
        label=body.label,
        strokes=body.strokes,
        picture=picture,
        device=Drawing.Device.PROGRAM,
    )
    return Status(201, drawing)


@router.get("/drawings/{int:pk}", response=DrawingOut, auth=may(Capability.DRAW), tags=["drawings"])
def get_drawing(request: HttpRequest, pk: int):
    drawing = selectors.drawings_with_authors().filter(pk=pk).first()
    # Somebody else's drawing is not told from one that does not exist.
    if drawing is None or not selectors.may_see(request.auth, drawing):
        raise Http404(f"You have no drawing {pk}.")
    return drawing


@router.post(
    "/drawings/{int:pk}/review", response=DrawingOut, auth=may(Capability.REVIEW), tags=["drawings"]
)
def review_drawing(request: HttpRequest, pk: int, body: ReviewIn):
    drawing = get_drawing(request, pk)
    words = (
        Review.Verdict.CONFIRM,
        Review.Verdict.RELABEL,
        Review.Verdict.AMBIGUOUS,
        Review.Verdict.REJECT,
    )
    if body.verdict not in words:
        raise ApiError(422, "invalid", f"A verdict is one of {', '.join(words)}.", field="verdict")
    reviews.record_verdict(
        drawing, reviewer=request.auth, verdict=Review.Verdict(body.verdict), label=body.label
    )
    drawing.refresh_from_db()
    return drawing


def _version(number: int) -> ModelVersion:
    version = selectors.model_versions().filter(number=number).first()
    if version is None:
        raise Http404(f"There is no model v{number}.")
    return version


def _told(version: ModelVersion, production: ModelVersion | None) -> dict:
    evaluation = selectors.headline_evaluation(version)
    return {
        "number": version.number,
        "run": version.run_id,
        "recipe": version.run.recipe,
        "sha256": version.sha256,
        "contract_id": version.contract_id,
        "created_at": version.created_at,
        "production": version == production,
        "accuracy": evaluation and evaluation.accuracy,
        "files": [
            {"format": file.format, "sha256": file.sha256, "bytes": file.bytes}
            for file in stored_files(version)
        ],
        "export_proof": version.run.export_proof,
    }
